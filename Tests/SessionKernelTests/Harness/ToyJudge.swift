import AccessPolicy
import GatewayCore
import SQLAnalysis
import SessionKernel
import Synchronization

/// What the letters of verdicts mean, where that was changed.
final class ToyPolicy: Sendable {
    private let changes = Mutex<[Character: Character]>([:])

    func change(_ from: Character, to: Character) { changes.withLock { $0[from] = to } }

    func meaning(of letter: Character) -> Character {
        changes.withLock { $0[letter] } ?? letter
    }
}

/// Answers as each text says of itself.
struct ToyJudge: CommandJudge {
    var policy = ToyPolicy()

    /// Any analysis will do for the toy protocol: this one says that the text is past the limit, which needs no thread.
    static let analysis: SQLAnalysis = {
        var configuration = SQLAnalyzer.Configuration()
        configuration.limits = AnalysisLimits(command: 0)
        configuration.threads = 1
        nonisolated(unsafe) var result: SQLAnalysis?
        let analyzer = SQLAnalyzer(configuration)
        analyzer.analyze([UInt8(ascii: "x")]) { result = $0 }
        guard let result else { preconditionFailure("a text past the limit is answered at once") }
        return result
    }()

    static func verdict(of toy: ToyText) -> Verdict {
        verdict(toy.verdict)
    }

    private static func verdict(_ letter: Character) -> Verdict {
        switch letter {
        case "a", "d": Verdict(kind: .allow, policy: "toy")
        case "h": Verdict(kind: .hold, rules: ["hold"], hold: HoldTerms(groups: ["dba"], within: 60), policy: "toy")
        // Waits for 5 s of its 60.
        case "w":
            Verdict(
                kind: .hold, rules: ["hold"], hold: HoldTerms(groups: ["dba"], within: 60, wait: 5), policy: "toy")
        default: Verdict(kind: .block, rules: ["block"], policy: "toy")
        }
    }

    func cachedAnalysis(of text: [UInt8]) -> SQLAnalysis? {
        ToyText(text)?.analysis == "c" ? Self.analysis : nil
    }

    func question(about subject: CommandSubject) -> TargetQuestion? {
        subject.estimate == nil && ToyText(subject.text)?.when == .question ? .rows : nil
    }

    func verdict(on subject: CommandSubject) throws(GatewayError) -> Verdict? {
        guard let toy = ToyText(subject.text) else { throw GatewayError(.init("toy"), "not a toy text") }
        switch toy.when {
        case .immediate: return Self.verdict(policy.meaning(of: toy.verdict))
        case .question:
            let isOver = subject.estimate?.rows.map { $0 > 3 } ?? true
            return isOver
                ? Verdict(kind: .block, rules: ["rows"], policy: "toy") : Self.verdict(policy.meaning(of: toy.verdict))
        case .late, .never: return nil
        case .error: throw GatewayError(.init("toy"), "the policy is broken")
        }
    }
}
