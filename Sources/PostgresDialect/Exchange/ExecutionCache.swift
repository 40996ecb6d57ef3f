import AccessPolicy
import SQLAnalysis
import SessionKernel

/// Assessments of prepared statements, kept for their next execution: a driver that prepares once executes many times, and
/// nothing but the parameters differs.
///
/// Kept is only what one Parse of the protocol fixed: its exchange's number is the key, since no other text has it. A text
/// that prepares, declares, executes or fetches by name is assessed each time, because its names change.
struct ExecutionCache {
    private static let limit = 256
    private var known: [UInt64: Assessment] = [:]

    func assessment(of meanings: [Meaning]) -> Assessment? {
        guard meanings.count == 1, meanings[0].analysis != nil else { return nil }
        return known[meanings[0].number]
    }

    mutating func forget() { known = [:] }

    mutating func keep(_ assessment: Assessment, of meanings: [Meaning]) {
        guard meanings.count == 1, let meaning = meanings.first, meaning.analysis != nil,
            meaning.facts.allSatisfy({ $0.name == nil })
        else { return }
        if known.count >= Self.limit { known.removeAll(keepingCapacity: true) }
        known[meaning.number] = assessment
        known[meaning.number]?.subject.memo = VerdictMemo()
    }
}
