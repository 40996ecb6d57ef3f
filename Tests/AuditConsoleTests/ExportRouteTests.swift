import AuditLedger
import GatewayCore
import Identity
import Synchronization
import Testing

@Suite struct ExportRouteTests {
    @Test func anExportIsAnEntryBeforeItBegins() async throws {
        try await TestConsole.with { console in
            for (subject, groups, audience, status) in [
                ("eve", ["security"], "sallyport", 204), ("root", ["platform"], "sallyport", 204),
                ("operator", [], "sallyport:operator", 204), ("ada", ["agents"], "sallyport", 403),
                ("dana", ["approvers"], "sallyport", 403), ("eve", ["security"], "sallyport:approve", 401),
            ] {
                console.appended.withLock { $0 = [] }
                let token = console.token(subject, groups, audience: audience)
                let answer = try await console.post("/api/v1/exports", token)
                #expect(answer.status == status, "\(subject) \(audience)")
                let viewed = console.appended.withLock { $0.filter { $0.type == .recordViewed } }
                #expect(viewed.count == (status == 204 ? 1 : 0), "\(subject) \(audience)")
                if status == 204 {
                    #expect(viewed.first?.principal?.subject == subject)
                    #expect(viewed.first?.details["view"] == "export")
                    #expect(viewed.first?.clientAddress?.hasPrefix("127.0.0.1:") == true)
                }
            }
        }
    }

    @Test func withoutTheEntryThereIsNoLeave() async throws {
        try await TestConsole.with { console in
            let token = console.token("eve", ["security"])
            console.failsToAppend.withLock { $0 = true }
            let refused = try await console.post("/api/v1/exports", token)
            #expect(refused.status == 503)
            console.failsToAppend.withLock { $0 = false }
            for body in [#"{"session":"x"}"#, #"{"session":"\#(RecordID(at: .wall()))"}"#] {
                let answer = try await console.post("/api/v1/exports", token, body)
                #expect(answer.status == 404, "\(body)")
            }
            let unknown = try await console.post("/api/v1/exports", token, #"{"sessions":"x"}"#)
            #expect(unknown.status == 400)
            #expect(console.types.isEmpty)
        }
    }
}
