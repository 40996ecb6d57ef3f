import GatewayCore
import Testing

@Suite struct MethodTests {
    /// Path, a method it does not take, and what it takes.
    static let cases: [(method: String, path: String, allow: String)] = [
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/metrics", "GET, HEAD"),
        ("PUT", "/api/openapi.json", "GET, HEAD"),
        ("DELETE", "/api/v1/sessions", "GET, HEAD"),
        ("PATCH", "/api/v1/sessions/0197a9e8-0000-7000-8000-000000000000", "DELETE, GET, HEAD"),
        ("GET", "/api/v1/sessions/0197a9e8-0000-7000-8000-000000000000/end", "POST"),
        ("PUT", "/api/v1/approvals", "GET, HEAD"),
        ("GET", "/api/v1/approvals/x/approve", "POST"),
        ("DELETE", "/api/v1/approvals/x/deny", "POST"),
        ("DELETE", "/api/v1/locks", "GET, HEAD, POST"),
        ("GET", "/api/v1/locks/x", "DELETE"),
        ("PUT", "/api/v1/tickets", "GET, HEAD, POST"),
        ("OPTIONS", "/api/v1/connections", "GET, HEAD"),
    ]

    @Test func aWrongMethodIsToldApartFromAnUnknownPath() async throws {
        try await TestConsole.with { console in
            for token in [nil, console.token("eve", ["security"])] {
                for (method, path, allow) in Self.cases {
                    let answer = try await console.send(method, path, token: token)
                    #expect(answer.status == 405, "\(method) \(path)")
                    #expect(answer.headers["allow"] == allow, "\(method) \(path)")
                    #expect(answer.headers["content-type"] == "application/problem+json")
                    #expect(answer.json["code"] as? String == "method_not_allowed")
                    #expect(answer.headers["cache-control"] == "no-store")
                }
                for path in [
                    "/", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/locks/x/y", "/api/v1/sessions/x/end/y",
                ] {
                    for method in ["GET", "POST", "DELETE"] {
                        let answer = try await console.send(method, path, token: token)
                        #expect(answer.status == 404, "\(method) \(path)")
                        #expect(answer.headers["allow"] == nil)
                        #expect(answer.json["code"] as? String == "not_found")
                    }
                }
            }
            #expect(console.types.isEmpty, "nothing was done and nobody was refused by name")
        }
    }
}
