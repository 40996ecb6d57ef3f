import GatewayCore

/// The target thinks that it is about more rows than this.
struct EstimateTest: GuardTest {
    let most: Int
    /// An estimate that could not be had counts as over the limit where that makes the rule stricter.
    let isStrict: Bool

    func isMet(by subject: CommandSubject) -> Bool {
        if Self.hasNoRows(subject) { return false }
        switch subject.estimate {
        case .rows(let rows)?: return rows > most
        case .unknown?, nil: return isStrict
        }
    }

    /// What says by its own words alone that no row of a table is read or changed.
    private static func hasNoRows(_ subject: CommandSubject) -> Bool {
        guard subject.notUnderstood == nil else { return false }
        if subject.reads.isEmpty, subject.writes.isEmpty, subject.functions.isEmpty,
            subject.classes.isSubset(of: [.transaction, .setting, .riskySetting, .session, .notify, .empty])
        {
            return true
        }
        return !subject.verbs.isEmpty && subject.verbs.allSatisfy { $0 == "EXPLAIN" || $0 == "SHOW" }
    }

    func reason(_ subject: CommandSubject) -> String {
        if Self.hasNoRows(subject) { return "it is not about rows" }
        switch subject.estimate {
        case .rows(let rows): return "the target thinks of \(rows) rows, and the rule is about more than \(most)"
        case .unknown(let why): return "how many rows it is about is not known: \(why)"
        case nil:
            return "needs the server, which is asked how many rows it is about; here it counts as more than \(most)"
        }
    }
}
