import GatewayCore

/// An entry as an OCSF 1.5 event: 6005 Datastore Activity for commands to databases, 2004 Detection Finding for refused
/// ones, 3002 Authentication for sessions and sign-ins, the base event for the rest. The profile `security_control` carries the
/// verdict, `host` the actor where the class itself has none. What the class and its profiles have no attribute for goes
/// into `unmapped`, so that a validator finds nothing unknown. No event has content: a leaf has none.
struct OCSFEvent {
    static let version = "1.5.0"

    private enum Class: Int64 {
        case base = 0
        case detectionFinding = 2004
        case authentication = 3002
        case datastoreActivity = 6005

        var category: Int64 { rawValue / 1000 }
    }

    private struct Kind {
        var eventClass: Class
        var activity: Int64
        var name: String?
    }

    private struct Control {
        /// 0 unknown, 1 allowed, 2 denied.
        var action: Int64
        var disposition: Int64
    }

    private let leaf: Leaf
    private let index: UInt64
    private let origin: String
    private let type: EntryType

    init(_ leaf: Leaf, index: UInt64, origin: String) {
        self.leaf = leaf
        self.index = index
        self.origin = origin
        type = leaf.type ?? EntryType(rawValue: "")
    }

    /// The event as one line of JSON.
    var json: [UInt8] {
        let (kind, control) = (self.kind, self.control)
        var event = ExportObject()
        event.add("activity_id", kind.activity)
        event.add("activity_name", kind.name)
        event.add("category_uid", kind.eventClass.category)
        event.add("class_uid", kind.eventClass.rawValue)
        event.add("type_uid", kind.eventClass.rawValue * 100 + kind.activity)
        event.add("time", (leaf.time?.microseconds ?? 0) / 1000)
        event.add("severity_id", Int64(type == .alertBreakGlass ? 4 : control?.action == 2 ? 3 : 1))
        event.add("message", type.rawValue)
        event.add("status_id", status)
        event.add("status_detail", leaf["reason"]?.string)
        event.add("status_code", leaf["outcome"]?["code"]?.string)
        event.add("duration", leaf["counts"]?["duration_us"]?.integer.map { $0 / 1000 })
        event.add("action_id", control?.action)
        event.add("disposition_id", control?.disposition)
        event.add("is_alert", control.map { $0.action == 2 || type == .alertBreakGlass })
        if control != nil { event.add("policy", policy) }
        event.add("metadata", metadata)
        if hasActor { event.add("actor", actor) }
        switch kind.eventClass {
        case .base: break
        case .authentication:
            event.add("session", session)
            event.add("src_endpoint", source)
            event.add("user", user)
            event.add("service", service)
        case .datastoreActivity:
            event.add("src_endpoint", source)
            event.add("database", database)
            event.add("type_id", Int64(1))
        case .detectionFinding:
            event.add("finding_info", finding)
            event.add("evidences", objects: [evidence])
            event.add("resources", objects: resources)
        }
        event.add("unmapped", unmapped)
        return event.json
    }

    // MARK: - What it is

    private var isDatabase: Bool { ["postgres", "mysql"].contains(leaf["kind"]?.string ?? "") }

    private var kind: Kind {
        switch type {
        case .sessionOpen, .signinRefused: return Kind(eventClass: .authentication, activity: 1)
        case .sessionClose where leaf["kind"]?.string != "gateway":
            return Kind(eventClass: .authentication, activity: 2)
        case .commandBlocked, .commandDenied, .commandExpired, .commandDeferred, .alertBreakGlass:
            return Kind(eventClass: .detectionFinding, activity: 1)
        case .commandAllowed, .commandHeld, .commandGranted, .commandOutcome, .commandSubstituted:
            guard isDatabase else { break }
            return datastoreActivity
        default: break
        }
        return Kind(eventClass: .base, activity: 99, name: type.rawValue)
    }

    private var datastoreActivity: Kind {
        let classes = (leaf["classes"]?.list ?? []).compactMap(\.string)
        // The strongest of what a command does; an outcome has no classes.
        let activities: [(String, Int64)] = [
            ("delete", 7), ("truncate", 7), ("update", 2), ("merge", 2), ("insert", 5), ("ddl", 6), ("select", 4),
        ]
        if let found = activities.first(where: { classes.contains($0.0) }) {
            return Kind(eventClass: .datastoreActivity, activity: found.1)
        }
        return Kind(eventClass: .datastoreActivity, activity: 99, name: leaf["verb"]?.string ?? type.rawValue)
    }

    private var control: Control? {
        switch type {
        case .commandAllowed: Control(action: 1, disposition: 1)
        case .commandGranted, .alertBreakGlass: Control(action: 1, disposition: 8)
        case .commandHeld: Control(action: 0, disposition: 14)
        case .commandBlocked, .commandExpired, .commandDeferred: Control(action: 2, disposition: 2)
        case .commandDenied: Control(action: 2, disposition: 25)
        case .signinRefused: Control(action: 2, disposition: 26)
        default: nil
        }
    }

    /// 0 unknown, 1 success, 2 failure, 99 other; a finding's 1 is new.
    private var status: Int64 {
        if kind.eventClass == .detectionFinding { return 1 }
        if let outcome = leaf["outcome"]?["kind"]?.string { return outcome == "success" ? 1 : 2 }
        switch type {
        case .signinRefused: return 2
        case .commandHeld, .commandAllowed, .commandGranted, .commandSubstituted: return 0
        default: return 1
        }
    }

    // MARK: - Its parts

    /// An entry of the gateway itself has nobody acting.
    private var hasActor: Bool { kind.eventClass != .base || leaf.principal != nil }

    private var profiles: [String] {
        let needsHost = kind.eventClass == .base || kind.eventClass == .detectionFinding
        return (hasActor && needsHost ? ["host"] : []) + (control == nil ? [] : ["security_control"])
    }

    private var metadata: ExportObject {
        .with {
            $0.add("version", Self.version)
            $0.add("uid", leaf.id?.description)
            $0.add("event_code", type.rawValue)
            $0.add("correlation_uid", leaf.agent.run)
            $0.add("log_name", origin)
            $0.add("sequence", Int64(exactly: index))
            $0.add("profiles", texts: profiles)
            $0.add(
                "product",
                .with {
                    $0.add("name", "Sallyport")
                    $0.add("vendor_name", "Sallyport")
                })
        }
    }

    private var user: ExportObject {
        .with {
            $0.add("uid", leaf.principal?.subject ?? "unknown")
            $0.add("name", leaf.principal?.name)
            $0.add("domain", leaf.principal?.issuer)
        }
    }

    private var actor: ExportObject {
        .with {
            $0.add("user", user)
            $0.add("app_name", leaf.agent.agent)
            $0.add("session", session)
        }
    }

    private var session: ExportObject? {
        leaf.session.map { id in .with { $0.add("uid", id.description) } }
    }

    private var source: ExportObject {
        let address = leaf["address"]?.string ?? ""
        let parts = address.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count > 1, let port = parts.last.flatMap({ Int64($0) }) else {
            return .with { $0.add("name", address.isEmpty ? "gateway" : address) }
        }
        let host = parts.dropLast().joined(separator: ":").filter { $0 != "[" && $0 != "]" }
        return .with {
            $0.add("ip", host)
            $0.add("port", port)
        }
    }

    private var service: ExportObject { .with { $0.add("name", leaf["connection"]?.string ?? "sallyport") } }

    private var database: ExportObject {
        .with {
            $0.add("name", leaf["database"]?.string ?? leaf["connection"]?.string ?? "unknown")
            $0.add("uid", leaf["connection"]?.string)
            $0.add("type_id", Int64(1))
        }
    }

    private var policy: ExportObject? {
        let rules = (leaf["rules"]?.list ?? []).compactMap(\.string)
        guard !rules.isEmpty || leaf["policy"] != nil else { return nil }
        return .with {
            $0.add("name", leaf["decided_by"]?.list?.first?.string ?? rules.first ?? "default")
            $0.add("version", leaf["policy"]?.string)
            if rules.count > 1 { $0.add("desc", rules.joined(separator: ", ")) }
        }
    }

    private var finding: ExportObject {
        .with {
            $0.add("uid", leaf.id?.description ?? "")
            let what = type == .alertBreakGlass ? "Hold passed by break-glass: " : "Command refused: "
            $0.add("title", what + (leaf["reason"]?.string ?? leaf["verb"]?.string ?? type.rawValue))
            $0.add("types", texts: [type.rawValue])
        }
    }

    private var evidence: ExportObject {
        .with {
            $0.add("actor", actor)
            $0.add("src_endpoint", source)
            $0.add("database", database)
        }
    }

    private var objects: [String] { (leaf["objects"]?.list ?? []).compactMap(\.string) }

    private var resources: [ExportObject] {
        objects.map { name in .with { $0.add("name", name) } }
    }

    /// What the schema has no place for.
    private var unmapped: ExportObject {
        .with {
            $0.add("exchange", leaf.exchange.flatMap { Int64(exactly: $0) })
            $0.add("seq", leaf.sequence.flatMap { Int64(exactly: $0) })
            $0.add("rows", leaf["counts"]?["rows"]?.integer)
            $0.add("purpose", leaf.agent.purpose)
            $0.add("model", leaf.agent.model)
            $0.add("objects", texts: objects)
            $0.add("approval", leaf["approval"]?.string)
            if control == nil { $0.add("policy", policy) }
            if kind.eventClass == .base {
                $0.add("address", leaf["address"]?.string)
                $0.add("connection", leaf["connection"]?.string)
                $0.add("session", leaf.principal == nil ? leaf.session?.description : nil)
                $0.add("subject_session", leaf["subject_session"]?.string)
            }
        }
    }
}
