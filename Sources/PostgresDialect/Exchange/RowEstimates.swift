import AccessPolicy
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// How many rows the server thinks a statement is about: EXPLAIN in the session itself, before the verdict, so that names,
/// rights and the transaction's snapshot are those of the command. The client sees nothing of it.
extension PostgresDialect {
    mutating func askForRows(_ note: CommandNote) -> Asking {
        guard note.meanings.count == 1, let meaning = note.meanings.first, let analysis = meaning.analysis,
            meaning.notUnderstood == nil
        else { return .known(.rows(.unknown("it cannot be told which statement it runs"))) }
        if let objection = objection(to: analysis) { return .known(.rows(.unknown(objection))) }
        let hasParameters = hasParameters(analysis)
        var restoring: ByteBuffer?
        if hasParameters {
            // The plan for all values is made once, when the statement is.
            if let known = meaning.estimate { return .known(.rows(known)) }
            guard serverVersion >= 16 else {
                return .known(.rows(.unknown("it has parameters, which needs PostgreSQL 16 or later")))
            }
            guard case .parse(let statement) = note.kind, let unnamed = unnamedStatement(besides: statement) else {
                return .known(.rows(.unknown("asking would end the client's unnamed statement")))
            }
            restoring = unnamed
        }
        let prefix = hasParameters ? "EXPLAIN (GENERIC_PLAN, FORMAT JSON) " : "EXPLAIN (FORMAT JSON) "
        let text = Array(prefix.utf8) + analysis.text[analysis.statements[0].range]
        // Behind a savepoint: it may fail, and takes locks.
        let question = OwnStatement.encoded(text, restoring: restoring, withSavepoint: status == .inTransaction)
        asked = AskedQuestion(.rows(meaning), answers: question.answers)
        return .send(question.bytes, text: Array(prefix.utf8) + RecordText.masked(analysis, masks))
    }

    /// The Parse that makes the client's unnamed statement again; empty when there is none that it could still use, nil when
    /// it cannot be told which it is.
    private func unnamedStatement(besides name: String) -> ByteBuffer? {
        let meanings = (names.statements[""] ?? []).filter { !$0.isWithheld }
        guard !name.isEmpty, !meanings.isEmpty else { return ByteBuffer() }
        guard meanings.count == 1, let text = meanings[0].analysis?.text else { return nil }
        return ParseMessage.encoded(statement: "", text: text, types: meanings[0].parameterTypes)
    }

    /// Why a statement cannot be explained, or not without running what others wrote: planning calls functions.
    private func objection(to analysis: SQLAnalysis) -> String? {
        guard analysis.isParsed, analysis.statements.count == 1, let facts = analysis.statements.first else {
            return "it is not one statement"
        }
        guard Self.explained.contains(facts.verb), facts.range.lowerBound >= 0,
            facts.range.upperBound <= analysis.text.count
        else { return "\(facts.verb) cannot be explained" }
        guard facts.unknownCalls.isEmpty, facts.classes.isSubset(of: Self.harmless),
            !(builtInsAreHidden && facts.leansOnPath)
        else { return "it calls what planning may run" }
        return nil
    }

    private static let explained: Set<String> = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "DECLARE"]
    private static let harmless: Set<StatementClass> = [.select, .insert, .update, .delete, .merge, .session, .lock]

    private func hasParameters(_ analysis: SQLAnalysis) -> Bool {
        analysis.literals.contains { $0.parameter != nil }
    }

    /// The server's major version; 0 when it does not tell.
    private var serverVersion: Int {
        let text = targetSignIn.statuses.first { $0.name == "server_version" }?.value ?? ""
        return Int(text.prefix { $0.isASCII && $0.isNumber }) ?? 0
    }

    /// What a Parse before it in the same stretch was estimated at.
    func estimate(of note: CommandNote, behind boundary: UInt64) -> RowEstimate? {
        guard note.meanings.count == 1, let meaning = note.meanings.first, meaning.number > boundary else { return nil }
        return meaning.estimate
    }
}
