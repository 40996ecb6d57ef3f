import GatewayCore

/// The meaning of `read_only: true`: nothing may change. The server is told so too, in the session's start-up packet;
/// this refuses what could lift that, what it does not cover, and what would only fail there.
enum ReadOnly {
    /// Why the subject could change something; nil when it cannot, as far as its words tell.
    static func objection(to subject: CommandSubject) -> String? {
        if subject.liftsReadOnly { return "a change of the read-only mode" }
        for name in StatementClass.allCases where subject.classes.contains(name) {
            switch name {
            case .select, .transaction, .session, .empty, .sleep:
                continue
            case .copy:
                if StatementWord.copiesOutOnly(subject), !subject.verbs.contains(where: writesOnServer) { continue }
                return "copy"
            case .setting:
                if let harmful = harmfulSetting(subject) { return harmful }
            case .unknownEffect:
                // Has a rule of its own (`PolicySnapshot.unknownEffect`).
                continue
            default:
                return name.rawValue
            }
        }
        return subject.verbs.contains { StatementWord.verb("SELECT INTO", covers: $0) } ? "select into" : nil
    }

    private static func writesOnServer(_ verb: String) -> Bool {
        StatementWord.verb("COPY TO FILE", covers: verb) || StatementWord.verb("COPY TO PROGRAM", covers: verb)
    }

    private static func harmfulSetting(_ subject: CommandSubject) -> String? {
        if subject.verbs.contains(where: { StatementWord.verb("ALTER", covers: $0) }) { return "alter system" }
        return subject.settings.first { $0.isEmpty || harmful.contains($0) }.map {
            $0.isEmpty ? "a setting that cannot be told" : "set \($0)"
        }
    }

    /// Settings that give other rights.
    private static let harmful: Set<String> = ["role", "session_authorization", "session_replication_role"]
}
