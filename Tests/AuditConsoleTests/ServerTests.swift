import AuditConsole
import Foundation
import GatewayCore
import Identity
import Synchronization
import Testing

@Suite struct ServerTests {
    @Test func healthNeedsNoToken() async throws {
        try await TestConsole.with { console in
            let answer1 = try await console.get("/healthz")
            #expect(answer1.status == 200)
            let answer2 = try await console.get("/readyz")
            #expect(answer2.status == 200)
            console.problems.withLock { $0 = ["The log has failed."] }
            let answer = try await console.get("/readyz")
            #expect(answer.status == 503 && answer.json["reasons"] as? [String] == ["The log has failed."])
            let answer3 = try await console.get("/healthz")
            #expect(answer3.status == 200, "alive, though not ready")
        }
    }

    @Test func metricsAreInTheTextFormat() async throws {
        try await TestConsole.with { console in
            let answer = try await console.get("/metrics")
            #expect(answer.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            #expect(
                answer.text == """
                    # HELP sallyport_test_total A \\\\ help\\nwith a line.
                    # TYPE sallyport_test_total counter
                    sallyport_test_total 3
                    # HELP sallyport_ratio Ratio.
                    # TYPE sallyport_ratio gauge
                    sallyport_ratio 0.5

                    """)
        }
    }

    @Test(arguments: [
        "/", "/api", "/api/v1", "/api/v1/nothing", "/api/v2/sessions", "/.git/config", "/api/v1/sessions/a/b/c", "/%00",
    ])
    func unknownRoutesAreProblems(path: String) async throws {
        try await TestConsole.with { console in
            let answer = try await console.get(path)
            #expect(answer.status == 404 && answer.json["code"] as? String == "not_found")
            #expect(answer.headers["content-type"] == "application/problem+json")
        }
    }

    @Test func nothingIsKeptOrSniffed() async throws {
        try await TestConsole.with { console in
            for path in ["/healthz", "/api/v1/sessions", "/nothing"] {
                let answer = try await console.get(path)
                #expect(
                    answer.headers["cache-control"] == "no-store"
                        && answer.headers["x-content-type-options"] == "nosniff")
            }
        }
    }

    @Test func hugeBodiesAreRefused() async throws {
        try await TestConsole.with { console in
            let body = Data("{\"reason\":\"".utf8) + Data(repeating: 0x61, count: 1 << 20) + Data("\"}".utf8)
            let answer = try await console.send(
                "POST", "/api/v1/locks", token: console.token("root", ["platform"]), body: body)
            #expect(answer.status == 413 && console.locks.all.isEmpty)
        }
    }

    @Test(arguments: [
        "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data", "",
    ])
    func otherContentTypesAreRefused(type: String) async throws {
        try await TestConsole.with { console in
            let body = Data(#"{"principal":"bob","reason":"x"}"#.utf8)
            let answer = try await console.send(
                "POST", "/api/v1/locks", token: console.token("root", ["platform"]), body: body, type: type)
            #expect(answer.status == 415 && console.locks.all.isEmpty)
        }
    }

    @Test func deepAndOddBodiesAreRefused() async throws {
        try await TestConsole.with { console in
            let admin = console.token("root", ["platform"])
            for body in [
                String(repeating: "[", count: 5000), #"{"reason":"\ud800","principal":"a"}"#, "null", "\u{0}",
                #"{"a":1}x"#,
            ] {
                let answer4 = try await console.post("/api/v1/locks", admin, body)
                #expect(answer4.status == 400, "\(body.prefix(20))")
            }
        }
    }

    @Test func theOpenAPIDocumentNamesEveryRoute() async throws {
        try await TestConsole.with { console in
            let answer = try await console.get("/api/openapi.json")
            let paths = try #require(answer.json["paths"] as? [String: [String: Any]])
            for (method, path) in AuthenticationTests.protected {
                let template = path.replacing("/x", with: "/{id}")
                #expect(paths[template]?[method.lowercased()] != nil, "\(method) \(template)")
            }
            for path in ["/healthz", "/readyz", "/metrics"] { #expect(paths[path]?["get"] != nil) }
        }
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-21T05:00:00.123456Z", 1_795_237_200_123_456),
            ("2026-11-21T05:00:00.1Z", 1_795_237_200_100_000),
            ("2026-11-21T05:00:00+02:00", 1_795_230_000_000_000), ("2026-11-21", 1_795_219_200_000_000),
        ] as [(String, Int64)])
    func timesAreRead(text: String, micros: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == micros)
    }

    @Test(arguments: [
        "", "now", "2026", "2026-11-21T05:00:00", "2026-11-21T25:00:00Z", "2026-02-30", "1969-12-31T23:59:59Z",
        "2026-11-21T05:00:00.Z", "２026-11-21",
    ])
    func otherTextsAreNoTimes(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }
}
