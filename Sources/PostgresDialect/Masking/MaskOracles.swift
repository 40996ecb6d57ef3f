package import AccessPolicy
package import DataMasking
package import GatewayCore
package import SQLAnalysis
package import SessionKernel

/// Questions about masked columns that no mask can answer: `WHERE ssn = '123-45-6789'`.
extension PostgresDialect {
    /// What the masks' `oracle` says of these statements by their own names, and what must be asked of the catalogue to say
    /// all.
    func oracles(_ meanings: [Meaning]) -> (use: OracleUse?, questions: [OracleQuestion]) {
        guard let masks, masks.hasOracles else { return (nil, []) }
        var found = MaskOracles(masks)
        var questions: [OracleQuestion] = []
        for facts in meanings.flatMap(\.facts) where !facts.probes.isEmpty {
            let sources = MaskOracles.sources(of: facts)
            found.add(facts.probes, of: facts.reads + facts.writes)
            let (sure, unsure) = (sources.filter(namesAreSure), sources.filter { !namesAreSure(of: $0) })
            // What a name stands for in this session only the server knows.
            if !unsure.isEmpty { found.addUnknown(facts.probes) }
            guard !sure.isEmpty else { continue }
            questions.append(OracleQuestion(columns: facts.probes, relations: sure, searchPath: searchPath))
        }
        let use = found.use
        return (use, use?.then == .block ? [] : questions)
    }
}

/// Collects what the `oracle` of masks says.
package struct MaskOracles {
    private let masks: MaskSet
    private var found: MaskRule.Oracle?
    private var columns: [String] = []

    package init(_ masks: MaskSet) {
        self.masks = masks
    }

    package var use: OracleUse? {
        found.map { found in
            let then: VerdictKind =
                switch found {
                case .deny: .block
                case .hold: .hold
                case .log: .allow
                }
            return OracleUse(then: then, columns: columns)
        }
    }

    /// Relations whose columns may be masked ones: the server's own catalogue has none, but for its samples of tables.
    package static func sources(of facts: StatementFacts) -> [RelationName] {
        (facts.reads + facts.writes).filter { source in
            !PostgresDialect.isCatalogue(source) || HiddenReads.samples.contains(source.name)
        }
    }

    /// By the names in the text.
    package mutating func add(_ probes: [String], of relations: [RelationName]) {
        for name in probes { take(masks.oracle(columnNamed: name, of: relations), name) }
    }

    /// By what the catalogue says of one relation; nil when it could not tell.
    package mutating func add(_ probes: [String], _ known: [LookupAnswer.Column]?) {
        guard let known else { return addUnknown(probes) }
        for name in probes {
            for column in known where name == "*" || column.name == name {
                for origin in column.origins.map(HiddenReads.resolved) {
                    take(origin == .unknown ? masks.oracleOfUnknown : masks.oracle(of: origin), name)
                }
            }
        }
    }

    package mutating func addUnknown(_ probes: [String]) {
        for name in probes { take(masks.oracleOfUnknown, name) }
    }

    private mutating func take(_ oracle: MaskRule.Oracle?, _ name: String) {
        guard let oracle else { return }
        found = found.map { max($0, oracle) } ?? oracle
        if !columns.contains(name) { columns.append(name) }
    }
}
