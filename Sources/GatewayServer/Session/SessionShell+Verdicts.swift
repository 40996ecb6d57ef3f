import GatewayCore
import Identity
import NIOCore
import SessionKernel

/// Verdicts that are had outside the gateway.
extension SessionShell {
    /// - Parameter asked: the verdict's number, by which what comes late is known.
    func askOutside(_ id: ExchangeID, _ question: VerdictQuestion, _ asked: UInt64) {
        guard let admitted, let (external, own) = admitted.judge.question(on: question.subject) else {
            // A reload has taken the service away meanwhile.
            let verdict = admitted.flatMap { $0.judge.verdict(on: question.subject) }
            return input { $0.judged(id, verdict) }
        }
        let shell = NIOLoopBound(self, eventLoop: eventLoop)
        let input = PolicyServiceInput(question, admitted, own: own, time: Timestamp.wall())
        services.policyService.ask(external, input, on: eventLoop) { said in
            guard shell.value.judgement == asked else { return }
            let verdict = admitted.judge.verdict(on: question.subject, said: said)
            shell.value.input { $0.judged(id, verdict) }
        }
    }
}
