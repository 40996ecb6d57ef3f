import AccessPolicy
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// What is known of the session's search_path, which decides where names without a schema lie. PostgreSQL 18 and later
/// report each change; of others it is asked before the first command that a rule needs it for.
extension PostgresDialect {
    private var isReported: Bool { targetSignIn.statuses.contains { $0.name == "search_path" } }

    mutating func askForPath() -> Asking {
        if isReported, searchPath != nil {
            // Nothing is under way, so what was reported last is what is so.
            pathIsLost = false
            executions.forget()
            return .known(.searchPath(namesPath ?? .unknown))
        }
        let text = Array("SHOW search_path".utf8)
        let question = OwnStatement.encoded(text, withSavepoint: false)
        asked = AskedQuestion(.searchPath, answers: question.answers)
        return .send(question.bytes, text: text)
    }

    mutating func learnPath(_ path: String) {
        searchPath = path
        pathIsLost = false
        executions.forget()
        relations.forget()
        if SettingEffects.hidesBuiltIns(searchPath: path) { loseBuiltIns() }
        if !hasTemporaries { namesAreUnsure = false }
    }

    /// What changes the path says so here, before it is forwarded: the commands behind it are judged meanwhile.
    mutating func losePath(_ meanings: [Meaning]) {
        if meanings.contains(where: { $0.effects.changesNames }) {
            pathWasChanged = true
        } else {
            // A rollback, in part or whole, may bring back what was before.
            guard pathWasChanged, meanings.contains(where: { $0.facts.contains { $0.transaction != nil } }) else {
                return
            }
        }
        forgetPath()
    }

    /// No transaction is open any more: what was learned in one may have been taken back with it.
    mutating func settlePath() {
        guard pathWasChanged else { return }
        forgetPath()
        if queue.isEmpty, notes.isEmpty { pathWasChanged = false }
        guard hasMasks, !isReported else { return }
        namesAreUnsure = true
        relations.forget()
        searchPath = nil
    }

    private mutating func forgetPath() {
        guard !pathIsLost else { return }
        pathIsLost = true
        executions.forget()
    }
}
