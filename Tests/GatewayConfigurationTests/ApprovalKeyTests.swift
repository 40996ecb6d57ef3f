import AccessPolicy
import CredentialVault
import GatewayConfiguration
import GatewayCore
import Glibc
import Identity
import Testing

/// What a file says of access on request, broken glass and notifications arrives as written.
@Suite struct ApprovalKeyTests {
    private func parse(_ connection: String, _ top: String = "") throws -> Configuration {
        try Configuration.parse(
            """
            data: ./data
            listen: {postgres: 127.0.0.1:6432, console: 127.0.0.1:6090, console_url: "https://gw.example.com:6090//"}
            identity: {local: true}
            \(top)
            connections:
              - name: orders
                kind: postgres
                target: {host: 127.0.0.1, port: 5432, database: shop}
                credential: {username: app}
            \(connection)
            """, path: "/etc/gw/gw.yaml", checkingSecrets: false)
    }

    @Test func accessOnRequest() throws {
        let read = try parse(
            "    access: {groups: [dba], request: {groups: [devs], subjects: [kim], approve: {groups: [leads], count: 2, within: 30m}, for: 1h}}"
        )
        let orders = read.connections[0]
        let rule = try #require(orders.accessRequest)
        #expect(orders.access.groups == ["dba"])
        #expect(rule.who.groups == ["devs"] && rule.who.subjects == ["kim"])
        #expect(rule.terms == HoldTerms(groups: ["leads"], count: 2, within: 1800) && rule.seconds == 3600)
        #expect(orders.breakGlass == nil)
    }

    /// Nobody has access without being agreed to.
    @Test func accessOnRequestOnly() throws {
        let read = try parse("    access: {request: {groups: [devs], approve: {groups: [leads]}, for: 15m}}")
        let orders = read.connections[0]
        let dev = Principal(issuer: "i", subject: "d", groups: ["devs"], isPersonIssuer: true)
        #expect(!orders.access.allows(dev) && orders.accessRequest?.who.allows(dev) == true)
        #expect(orders.accessRequest?.terms.within == 900)
    }

    @Test func noRequestIsNone() throws {
        #expect(try parse("    access: {groups: [dba]}").connections[0].accessRequest == nil)
    }

    @Test func brokenGlass() throws {
        let read = try parse(
            """
                access: {groups: [dba]}
                break_glass: {groups: [oncall], subjects: [pia]}
                guard: [{name: g, when: {statement: [delete]}, then: hold, approve: {groups: [dba]}}]
            """)
        let orders = read.connections[0]
        #expect(orders.breakGlass?.groups == ["oncall"] && orders.breakGlass?.subjects == ["pia"])
    }

    @Test func brokenGlassOfWhatIsNotUnderstood() throws {
        let read = try parse(
            """
                access: {groups: [dba]}
                break_glass: {groups: [oncall]}
                not_understood: {then: hold, approve: {groups: [dba]}}
            """)
        #expect(read.connections[0].breakGlass?.groups == ["oncall"])
    }

    @Test func brokenGlassOfASharedRule() throws {
        let read = try parse(
            """
                access: {groups: [dba]}
                break_glass: {groups: [oncall]}
            """,
            "policy: [{name: g, when: {statement: [delete]}, then: hold, approve: {groups: [dba]}, connections: [orders]}]"
        )
        #expect(read.connections[0].breakGlass?.groups == ["oncall"] && read.connections[0].guards.count == 1)
    }

    @Test func receivers() throws {
        let read = try parse(
            "    access: {groups: [dba]}",
            """
            notify:
              - {webhook: "https://a.example/x", secret: [{env: A}, {env: B}], timeout: 3s}
              - {webhook: "https://b.example/x", secret: {env: A}}
              - {slack: {env: S}, name: channel}
              - {slack: {file: ./slack.url}}
            """)
        #expect(read.notify.map(\.name) == ["webhook", "webhook-2", "channel", "slack"])
        #expect(read.notify.map(\.timeout) == [3, 10, 10, 10])
        guard case .webhook(let url, let secrets) = read.notify[0].receiver else { return #expect(Bool(false)) }
        #expect(url == "https://a.example/x" && secrets.count == 2)
        guard case .slack(let reference) = read.notify[3].receiver else { return #expect(Bool(false)) }
        #expect(reference.description.contains("/etc/gw/slack.url"))
        #expect(read.listen.consoleURL == "https://gw.example.com:6090")
    }

    @Test func noReceiverIsNone() throws {
        #expect(try parse("    access: {groups: [dba]}").notify.isEmpty)
    }
}
