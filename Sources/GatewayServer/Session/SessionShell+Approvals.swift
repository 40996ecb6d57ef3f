import AccessPolicy
import AuditLedger
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// Questions to the desk and what comes of them.
extension SessionShell {
    func requestApproval(_ id: ExchangeID, _ question: ApprovalQuestion) {
        self.question &+= 1
        let asked = self.question
        guard case .same = question.terms.scope, question.standalone != nil, question.subject.isSameForOtherValues
        else { return openApproval(id, question, asked, fingerprint: nil) }
        let (loop, shell, analyzer) = (eventLoop, NIOLoopBound(self, eventLoop: eventLoop), services.analyzer)
        let bound = NIOLoopBound(question, eventLoop: eventLoop)
        analyzer.analyze(question.subject.text) { analysis in
            analyzer.fingerprint(analysis) { fingerprint in
                loop.execute {
                    guard shell.value.question == asked else { return }
                    shell.value.openApproval(id, bound.value, asked, fingerprint: fingerprint)
                }
            }
        }
    }

    /// - Parameter asked: the question's number, by which what comes late is known.
    private func openApproval(
        _ id: ExchangeID, _ question: ApprovalQuestion, _ asked: UInt64, fingerprint: String?
    ) {
        guard let admitted, !isClosed else { return input { $0.approvalDecided(id, .failed("there is no session")) } }
        let (loop, shell) = (eventLoop, NIOLoopBound(self, eventLoop: eventLoop))
        let number = ExchangeID(seat?.number(id.number) ?? id.number)
        services.approvals.open(
            question, exchange: number, of: admitted, fingerprint: fingerprint, history: history.before(id)
        ) { take in
            loop.execute {
                guard shell.value.question == asked else { return }
                shell.value.approvals[id] = nil
                let decision = take()
                shell.value.input { $0.approvalDecided(id, decision) }
            }
        } opened: { approval in
            loop.execute {
                guard !shell.value.isClosed, shell.value.question == asked else {
                    return shell.value.services.approvals.leave(approval.id)
                }
                shell.value.approvals[id] = approval.id
                shell.value.input { $0.approvalOpened(id, approval.id, until: approval.expires) }
                shell.value.askForLocks(approval.id)
            }
        }
    }

    /// For who decides: what the session's transaction holds while it waits. Nothing waits for the answer.
    private func askForLocks(_ approval: RecordID) {
        guard let admitted, let process = machine.dialect.targetProcess else { return }
        let desk = services.approvals
        desk.note(.asking, of: approval)
        services.catalogues.locks(of: process, for: admitted, on: eventLoop).whenSuccess { desk.note($0, of: approval) }
    }

    /// The desk knows whether a decision came first; one that did is on its way here.
    func deferApproval(_ id: ExchangeID) {
        let isDeferred = approvals[id].map { services.approvals.deferCommand($0) } ?? false
        if isDeferred {
            approvals[id] = nil
            question &+= 1
        }
        input { $0.approvalDeferred(id, isDeferred) }
    }
}
