import GatewayCore
import SQLAnalysis

/// The names of prepared statements and of portals and cursors, each with every text it may stand for: a second PREPARE
/// or
/// Parse of a name may fail at the server, so an older meaning goes only when the server has confirmed what ends it.
struct NameTable {
    /// The server keeps this many bytes of a name; longer ones would be mistaken for each other.
    static let maximumNameLength = 63

    private(set) var statements: [String: [Meaning]] = [:]
    private(set) var portals: [String: [Meaning]] = [:]

    /// - Returns: false when there is no room for the name.
    mutating func prepare(_ name: String, _ meaning: Meaning, limit: Int) -> Bool {
        Self.add(name, meaning, limit, to: &statements)
    }

    mutating func open(_ name: String, _ meanings: [Meaning], number: UInt64, limit: Int) -> Bool {
        for var meaning in meanings {
            meaning.number = number
            guard Self.add(name, meaning, limit, to: &portals) else { return false }
        }
        return true
    }

    private static func add(_ name: String, _ meaning: Meaning, _ limit: Int, to table: inout [String: [Meaning]])
        -> Bool
    {
        guard name.utf8.count <= maximumNameLength else { return false }
        guard table[name] != nil || table.count < max(limit, 1) else { return false }
        // A name with very many unconfirmed meanings keeps them all only up to a bound; past it nothing is known.
        if table[name, default: []].count >= 64 {
            let unknown = NotUnderstood(message: "the name \"\(name)\" was given too many meanings at once")
            table[name] = [Meaning(number: meaning.number, facts: [], notUnderstood: unknown)]
        }
        table[name, default: []].append(meaning)
        return true
    }

    /// The meanings of a statement for a command behind `boundary`: a Parse of the same stretch between Syncs either
    /// succeeded, or the command is skipped with it. A PREPARE may have failed, or may never have been executed.
    func statement(_ name: String, behind boundary: UInt64) -> [Meaning] {
        let all = statements[name] ?? []
        guard let sure = all.lastIndex(where: { $0.isParsed && $0.number > boundary }) else { return all }
        return Array(all[sure...])
    }

    /// Whether the columns of a statement's answer are not known yet, as it was when `number` was the last command.
    func lacksColumns(_ name: String, _ number: UInt64) -> Bool {
        statements[name]?.last { $0.number <= number }.map { $0.columns == nil } ?? false
    }

    mutating func describe(_ name: String, _ number: UInt64, _ columns: [RowDescription.Column]) {
        guard let index = statements[name]?.lastIndex(where: { $0.number <= number }) else { return }
        statements[name]?[index].columns = columns
    }

    mutating func describeParameters(_ name: String, _ number: UInt64, _ types: [UInt32]) {
        guard let index = statements[name]?.lastIndex(where: { $0.number <= number }) else { return }
        statements[name]?[index].describedTypes = types
    }

    /// The server confirmed that the Parse or PREPARE `number` took effect: what the name stood for before is gone.
    mutating func confirmStatement(_ name: String, _ number: UInt64) {
        Self.forget(name, before: number, in: &statements)
    }

    mutating func confirmPortal(_ name: String, _ number: UInt64) {
        Self.forget(name, before: number, in: &portals)
    }

    /// The server confirmed the end of names as they were when `number` was the last command.
    mutating func closeStatement(_ name: String, through number: UInt64) {
        Self.forget(name, before: number + 1, in: &statements)
    }

    /// A Parse or PREPARE failed: the name never got this meaning.
    mutating func closeStatement(_ name: String, number: UInt64) {
        guard let kept = statements[name]?.filter({ $0.number != number }) else { return }
        statements[name] = kept.isEmpty ? nil : kept
    }

    mutating func closePortal(_ name: String, through number: UInt64) {
        Self.forget(name, before: number + 1, in: &portals)
    }

    mutating func closeAllStatements(through number: UInt64) {
        for name in statements.keys { closeStatement(name, through: number) }
    }

    mutating func closeAllPortals(through number: UInt64) {
        for name in portals.keys { closePortal(name, through: number) }
    }

    /// The transaction ended: portals of Bind are gone, cursors may have been declared to stay.
    mutating func endTransaction(through number: UInt64) {
        guard !portals.isEmpty else { return }
        for (name, meanings) in portals {
            let kept = meanings.filter { $0.isCursor || $0.number > number }
            if kept.count < meanings.count { portals[name] = kept.isEmpty ? nil : kept }
        }
    }

    private static func forget(_ name: String, before number: UInt64, in table: inout [String: [Meaning]]) {
        guard let meanings = table[name], meanings.contains(where: { $0.number < number }) else { return }
        let kept = meanings.filter { $0.number >= number }
        table[name] = kept.isEmpty ? nil : kept
    }
}
