import AccessPolicy
import DataMasking
import GatewayCore
import NIOCore
import SQLAnalysis

/// What a text that a name stands for may do.
struct Meaning {
    /// The exchange that gave the name this meaning; 0 for none.
    var number: UInt64
    /// The columns of its answer, once a Describe told them.
    var columns: [RowDescription.Column]?
    /// The types of its parameters, once a Describe told them: Parse may leave them to the server.
    var describedTypes: [UInt32] = []
    /// A cursor of SQL, which may outlive its transaction; a portal of Bind does not.
    var isCursor = false
    /// A cursor that may outlive its transaction, and with it the views that it reads: what was known of the schema when it
    /// was declared.
    var heldSince: UInt64?
    /// The protocol's Parse gave it: what fails there skips all up to the next Sync, what fails in SQL skips nothing.
    var isParsed = false
    /// The SQL that gave the name this meaning, as the record shows it; nil when `analysis` holds the text itself.
    var shown: [UInt8]?
    private let text: JudgedText

    /// - Parameters:
    ///   - analysis: the whole text, when the protocol's Parse made it.
    ///   - parameterTypes: types that Parse declared.
    init(
        number: UInt64, facts: [StatementFacts], notUnderstood: NotUnderstood? = nil, analysis: SQLAnalysis? = nil,
        parameterTypes: [UInt32] = []
    ) {
        self.number = number
        text = JudgedText(facts, notUnderstood, analysis, parameterTypes)
    }

    var facts: [StatementFacts] { text.facts }
    var notUnderstood: NotUnderstood? { text.notUnderstood }
    var analysis: SQLAnalysis? { text.analysis }
    var parameterTypes: [UInt32] { text.parameterTypes }
    var effects: TextEffects { text.effects }

    /// What parameter `index`, counted from 0, is; 0 when nobody said.
    func parameterType(_ index: Int) -> UInt32 {
        let declared = parameterTypes.count > index ? parameterTypes[index] : 0
        return declared == 0 && describedTypes.count > index ? describedTypes[index] : declared
    }

    /// It never reached the server.
    var isWithheld: Bool {
        get { text.isWithheld }
        nonmutating set { text.isWithheld = newValue }
    }

    /// How many rows it was last estimated to be about.
    var estimate: RowEstimate? {
        get { text.estimate }
        nonmutating set { text.estimate = newValue }
    }

    /// How its answer was masked last, for an answer that comes in the same form again.
    var lastPlan: PlannedAnswer? {
        get { text.lastPlan }
        nonmutating set { text.lastPlan = newValue }
    }
}

/// Shared by all that one text gave a meaning to. Confined to its session.
private final class JudgedText {
    let facts: [StatementFacts]
    let notUnderstood: NotUnderstood?
    let analysis: SQLAnalysis?
    let parameterTypes: [UInt32]
    let effects: TextEffects
    var lastPlan: PlannedAnswer?
    var estimate: RowEstimate?
    var isWithheld = false

    init(
        _ facts: [StatementFacts], _ notUnderstood: NotUnderstood?, _ analysis: SQLAnalysis?, _ parameterTypes: [UInt32]
    ) {
        self.facts = facts
        self.notUnderstood = notUnderstood
        self.analysis = analysis
        self.parameterTypes = parameterTypes
        effects = TextEffects(facts, isUnderstood: notUnderstood == nil, text: analysis?.text)
    }
}

/// A plan for an answer, and what it depends on: the description, the formats asked for, what was known of the schema, and what people agreed to show.
struct PlannedAnswer {
    var description: ByteBuffer
    var resultFormats: [Int16]
    var schemaEpoch: UInt64
    var unmasking: Unmasking?
    var plan: MaskPlan
    var columns: [RowDescription.Column]
}

/// What running a text may change for the commands behind it.
struct TextEffects {
    /// What the catalogue tells may be another thing afterwards.
    let changesCatalogue: Bool
    /// A view keeps its OID and column numbers while what stands behind them changes; those of a table never do.
    let changesViews: Bool
    let makesTemporaries: Bool
    /// What a name without a schema stands for.
    let changesNames: Bool
    /// Afterwards a text may mean something else in this session than in a new one.
    let changesMeaning: Bool
    /// Afterwards others may stand before the server's own functions.
    let hidesBuiltIns: Bool
    /// It certainly changes nothing.
    let onlyReads: Bool

    init(_ facts: [StatementFacts], isUnderstood: Bool, text: [UInt8]?) {
        let unsure: Set<StatementClass> = [.procedure, .unknown]
        changesCatalogue =
            !isUnderstood || facts.contains { $0.classes.contains(.ddl) || !$0.classes.isDisjoint(with: unsure) }
        changesViews =
            !isUnderstood
            || (facts + facts.flatMap(\.inner)).contains { facts in
                !facts.classes.isDisjoint(with: unsure)
                    || facts.classes.contains(.ddl)
                        && (facts.verb.contains("VIEW") || facts.verb.contains("RULE"))
            }
        // The words that make a relation temporary cannot be written otherwise; what runs other texts may hold them.
        let saysTemporary =
            text.map { String(decoding: $0, as: UTF8.self).lowercased().contains("temp") } ?? true
        makesTemporaries =
            !isUnderstood
            || facts.contains { facts in
                !facts.classes.isDisjoint(with: unsure)
                    || facts.classes.contains(.ddl)
                        && (saysTemporary || facts.writes.contains { $0.schema.hasPrefix("pg_temp") })
            }
        changesNames = facts.contains {
            ($0.settings + $0.inner.flatMap(\.settings)).contains {
                $0.name == nil || $0.name == "search_path" || $0.kind == .resetAll
            } || $0.name == .discardsAll || HiddenReads.happen(in: $0) || $0.inner.contains(where: HiddenReads.happen)
        }
        // What the session began with may come back: that is a new one's own.
        changesMeaning =
            makesTemporaries
            || facts.contains { facts in
                (facts.settings + facts.inner.flatMap(\.settings)).contains {
                    ($0.name == nil && $0.kind != .resetAll || $0.name == "search_path") && $0.kind != .reset
                }
                    || HiddenReads.happen(in: facts) || facts.inner.contains(where: HiddenReads.happen)
            }
        hidesBuiltIns = facts.contains {
            ($0.settings + $0.inner.flatMap(\.settings)).contains(where: SettingEffects.hidesBuiltIns)
        }
        onlyReads = isUnderstood && facts.allSatisfy(Self.onlyReads)
    }

    static func onlyReads(_ facts: StatementFacts) -> Bool {
        facts.classes.isSubset(of: [.select, .empty]) && facts.writes.isEmpty
            && facts.functions.allSatisfy(HarmlessFunctions.changesNothing) && facts.name == nil
    }
}
