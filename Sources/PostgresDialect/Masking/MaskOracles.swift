import AccessPolicy
import DataMasking
import GatewayCore
import SQLAnalysis

/// Questions about masked columns that no mask can answer: `WHERE ssn = '123-45-6789'`.
extension PostgresDialect {
    /// What the masks' `oracle` says of these statements; nil when they ask nothing.
    func oracleUse(_ meanings: [Meaning]) -> OracleUse? {
        guard let masks, masks.hasOracles else { return nil }
        var found: MaskRule.Oracle?
        var columns: [String] = []
        for facts in meanings.flatMap(\.facts) {
            for name in facts.probes {
                guard let oracle = oracle(name, facts, masks) else { continue }
                found = found.map { max($0, oracle) } ?? oracle
                if !columns.contains(name) { columns.append(name) }
            }
        }
        return found.map { found in
            let then: VerdictKind =
                switch found {
                case .deny: .block
                case .hold: .hold
                case .log: .allow
                }
            return OracleUse(then: then, columns: columns)
        }
    }

    /// By the names in the text; views by what is known of them in this session.
    private func oracle(_ name: String, _ facts: StatementFacts, _ masks: MaskSet) -> MaskRule.Oracle? {
        let sources = facts.reads + facts.writes
        var found = masks.oracle(columnNamed: name, of: sources)
        for columns in sources.lazy.compactMap(known) {
            for origin in name == "*" ? Array(columns.values.joined()) : columns[name] ?? [] {
                guard let oracle = masks.oracle(of: origin) else { continue }
                found = found.map { max($0, oracle) } ?? oracle
            }
        }
        return found
    }
}
