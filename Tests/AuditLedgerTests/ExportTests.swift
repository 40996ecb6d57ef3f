import AuditLedger
import Foundation
import GatewayCore
import Testing

@Suite("Entries for a SIEM")
struct ExportTests {
    private static let context = SessionContext(
        session: RecordID(at: Timestamp(microseconds: 1_790_000_000_000_000)),
        principal: Principal(
            issuer: "https://idp.example", subject: "ada", name: "Ada \"A\"", groups: [], isPersonIssuer: true),
        agent: AgentContext(agent: "reporter", run: "run-7", purpose: "monthly"), connection: "orders",
        kind: "postgres",
        clientAddress: "[::1]:50123", database: "shop")

    private static func leaf(
        _ type: EntryType, context: SessionContext = context, _ change: (inout EntryDraft) -> Void = { _ in }
    ) -> [UInt8] {
        var draft = EntryDraft(type, exchange: 3)
        change(&draft)
        var out = CanonicalWriter()
        LeafEncoder(context).encode(
            draft, sequence: 9, id: RecordID(at: Timestamp(microseconds: 1_790_000_000_000_000)),
            time: Timestamp(microseconds: 1_790_000_000_123_456), commitments: [], into: &out)
        return out.bytes
    }

    private static func event(_ leaf: [UInt8]) throws -> [String: Any] {
        let line = ExportFormat.ocsf.line(leaf[...], index: 41, origin: "gw/log-1")
        #expect(!line.contains(UInt8(ascii: "\n")))
        return try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
    }

    private static func check(_ event: [String: Any]) throws {
        let number = try #require(event["class_uid"] as? Int)
        let one = try #require(OCSFSchema.classes[number], "class \(number)")
        for name in OCSFSchema.required + one.required { #expect(event[name] != nil, "\(number) needs \(name)") }
        if !one.oneOf.isEmpty { #expect(one.oneOf.contains { event[$0] != nil }, "\(number) needs \(one.oneOf)") }
        let profiles = (event["metadata"] as? [String: Any])?["profiles"] as? [String] ?? []
        let known = OCSFSchema.attributes.union(one.attributes).union(
            profiles.flatMap { OCSFSchema.profiles[$0] ?? [] })
        for name in event.keys { #expect(known.contains(name), "\(number) has no attribute \(name)") }
        let activity = try #require(event["activity_id"] as? Int)
        #expect((one.activities.union([0, 99])).contains(activity))
        #expect(event["type_uid"] as? Int == number * 100 + activity)
        #expect(event["category_uid"] as? Int == number / 1000)
        // `Other` must be named.
        #expect(activity != 99 || event["activity_name"] != nil)
        for (name, values) in OCSFSchema.values {
            if let value = event[name] as? Int { #expect(values.contains(value), "\(name) \(value)") }
        }
        if let status = event["status_id"] as? Int { #expect(one.statuses.union([0, 99]).contains(status)) }
        #expect(profiles.contains("security_control") == (event["disposition_id"] != nil))
        #expect((event["action_id"] != nil) == (event["disposition_id"] != nil))
        try checkObjects(event)
    }

    private static func checkObjects(_ object: [String: Any]) throws {
        for (name, value) in object where name != "unmapped" {
            for one in (value as? [[String: Any]] ?? []) + [value as? [String: Any]].compactMap({ $0 }) {
                let known = try #require(OCSFSchema.objects[name], "object \(name)")
                for member in known.required { #expect(one[member] != nil, "\(name) needs \(member)") }
                if !known.oneOf.isEmpty {
                    #expect(known.oneOf.contains { one[$0] != nil }, "\(name) needs one of \(known.oneOf)")
                }
                for member in one.keys {
                    #expect(known.attributes.contains(member), "\(name) has no attribute \(member)")
                }
                try checkObjects(one)
            }
        }
    }

    private struct Case {
        var type: EntryType
        var number: Int
        var activity: Int
        var disposition: Int?
        var status: Int
        var change: (inout EntryDraft) -> Void = { _ in }
    }

    @Test("Each entry has its class, activity and verdict, and all that the schema requires")
    func classes() throws {
        let cases = [
            Case(type: .sessionOpen, number: 3002, activity: 1, disposition: nil, status: 1),
            Case(type: .sessionClose, number: 3002, activity: 2, disposition: nil, status: 1) {
                $0.outcome = Outcome(kind: .success)
            },
            Case(type: .signinRefused, number: 3002, activity: 1, disposition: 26, status: 2) {
                $0.reasonCode = "token_expired"
            },
            Case(type: .commandAllowed, number: 6005, activity: 4, disposition: 1, status: 0) {
                $0.classes = ["select"]
            },
            Case(type: .commandAllowed, number: 6005, activity: 7, disposition: 1, status: 0) {
                $0.classes = ["select", "delete"]
            },
            Case(type: .commandAllowed, number: 6005, activity: 99, disposition: 1, status: 0) { $0.verb = "VACUUM" },
            Case(type: .commandHeld, number: 6005, activity: 2, disposition: 14, status: 0) { $0.classes = ["update"] },
            Case(type: .commandGranted, number: 6005, activity: 5, disposition: 8, status: 0) {
                $0.classes = ["insert"]
            },
            Case(type: .commandOutcome, number: 6005, activity: 99, disposition: nil, status: 1) {
                $0.outcome = Outcome(kind: .success)
            },
            Case(type: .commandOutcome, number: 6005, activity: 99, disposition: nil, status: 2) {
                $0.outcome = Outcome(kind: .error, code: "22012")
            },
            Case(type: .commandBlocked, number: 2004, activity: 1, disposition: 2, status: 1) {
                $0.rules = ["no-ddl", "other"]
                $0.objects = ["public.orders"]
            },
            // A finding's status is its own: new, however the command ended.
            Case(type: .commandBlocked, number: 2004, activity: 1, disposition: 2, status: 1) {
                $0.outcome = Outcome(kind: .blocked, code: "42501")
            },
            Case(type: .commandDenied, number: 2004, activity: 1, disposition: 25, status: 1),
            Case(type: .commandExpired, number: 2004, activity: 1, disposition: 2, status: 1),
            Case(type: .commandDeferred, number: 2004, activity: 1, disposition: 2, status: 1),
            Case(type: .alertBreakGlass, number: 2004, activity: 1, disposition: 8, status: 1),
            Case(type: .recordViewed, number: 0, activity: 99, disposition: nil, status: 1),
            Case(type: .admin("new_log"), number: 0, activity: 99, disposition: nil, status: 1),
        ]
        for one in cases {
            let event = try Self.event(Self.leaf(one.type, one.change))
            try Self.check(event)
            #expect(event["class_uid"] as? Int == one.number, "\(one.type)")
            #expect(event["activity_id"] as? Int == one.activity, "\(one.type)")
            #expect(event["disposition_id"] as? Int == one.disposition, "\(one.type)")
            #expect(event["status_id"] as? Int == one.status, "\(one.type)")
            #expect(event["time"] as? Int == 1_790_000_000_123)
            let isAlert = [2, 25, 26].contains(one.disposition ?? 0) || one.type == .alertBreakGlass
            #expect(event["is_alert"] as? Bool ?? false == isAlert)
        }
    }

    @Test("The receiver can tell doubles and gaps, and who acted")
    func identity() throws {
        let event = try Self.event(Self.leaf(.commandAllowed) { $0.classes = ["select"] })
        let metadata = try #require(event["metadata"] as? [String: Any])
        let leaf = try Leaf(Self.leaf(.commandAllowed) { $0.classes = ["select"] })
        #expect((metadata["uid"] as? String)?.count == leaf.id?.description.count)
        #expect(metadata["sequence"] as? Int == 41 && metadata["log_name"] as? String == "gw/log-1")
        #expect(metadata["correlation_uid"] as? String == "run-7")
        let actor = try #require(event["actor"] as? [String: Any])
        #expect(actor["app_name"] as? String == "reporter")
        #expect((actor["user"] as? [String: Any])?["name"] as? String == "Ada \"A\"")
        #expect((actor["session"] as? [String: Any])?["uid"] as? String == Self.context.session.description)
        #expect(metadata["event_code"] as? String == "command.allowed")
        let source = try #require(event["src_endpoint"] as? [String: Any])
        #expect(source["ip"] as? String == "::1" && source["port"] as? Int == 50123)
    }

    @Test("Entries of the gateway itself, without principal and address")
    func gateway() throws {
        let context = SessionContext(
            session: RecordID(at: Timestamp(microseconds: 1)), principal: nil, connection: "", kind: "gateway",
            clientAddress: "")
        let all: [EntryType] = [
            .gatewayStarted, .gatewayStopped, .sessionOpen, .sessionClose, .signinRefused, .commandAllowed,
            .commandBlocked,
            .lockSet, .policyLoaded, EntryType(rawValue: "new.kind"),
        ]
        for type in all { try Self.check(try Self.event(Self.leaf(type, context: context))) }
    }

    @Test("`json` is the leaf itself, and so is what cannot be read")
    func asItIs() {
        let leaf = Self.leaf(.commandAllowed)
        #expect(ExportFormat.json.line(leaf[...], index: 0, origin: "x") == leaf)
        let unknown = Array("{\"v\":99}".utf8)
        #expect(ExportFormat.ocsf.line(unknown[...], index: 0, origin: "x") == unknown)
    }
}
