import AccessPolicy
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel

/// Asks the catalogue what a command's relations are made of, where a verdict hangs on that.
extension SessionShell {
    /// A command that names more is taken to ask about masked columns.
    private static var mostRelations: Int { 64 }

    /// What is open about the command is asked of the catalogue first, then whoever is outside.
    func judgeLate(_ id: ExchangeID, _ question: VerdictQuestion) {
        judgement &+= 1
        let asked = judgement
        settleOracles(question.subject) { settled in
            guard self.judgement == asked else { return }
            if let verdict = self.admitted?.judge.verdict(on: settled) { return self.input { $0.judged(id, verdict) } }
            var question = question
            question.subject = settled
            self.askOutside(id, question, asked)
        }
    }

    /// Calls `done` on the event loop with a subject that leaves nothing open; a catalogue that does not answer counts as an
    /// answer that it could be any masked column.
    func settleOracles(_ subject: CommandSubject, _ done: @escaping (CommandSubject) -> Void) {
        guard let admitted, !subject.oracleQuestions.isEmpty else { return done(subject) }
        let questions = subject.oracleQuestions
        var settled = subject
        settled.oracleQuestions = []
        // What the catalogue says holds now; a verdict by it is none for the same text later.
        settled.memo = nil
        let requests = Array(
            Set(
                questions.flatMap { question in
                    question.relations.map { LookupRequest.relation($0, columns: [], searchPath: question.searchPath) }
                }))
        guard requests.count <= Self.mostRelations else {
            var found = MaskOracles(admitted.terms.masks)
            for question in questions { found.addUnknown(question.columns) }
            settled.oracle = OracleUse.both(settled.oracle, found.use)
            return done(settled)
        }
        let answers = requests.map { services.catalogues.answer($0, for: admitted, on: eventLoop) }
        EventLoopFuture.whenAllSucceed(answers, on: eventLoop).assumeIsolated().whenComplete { result in
            let known = (try? result.get()) ?? []
            var found = MaskOracles(admitted.terms.masks)
            for question in questions {
                for relation in question.relations {
                    let request = LookupRequest.relation(relation, columns: [], searchPath: question.searchPath)
                    let index = requests.firstIndex(of: request)
                    found.add(
                        question.columns, index.flatMap { known.indices.contains($0) ? known[$0].columns : nil })
                }
            }
            settled.oracle = OracleUse.both(settled.oracle, found.use)
            done(settled)
        }
    }
}
