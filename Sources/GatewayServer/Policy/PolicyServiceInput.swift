import AccessPolicy
import AuditLedger
import Foundation
import GatewayConfiguration
import GatewayCore
import SessionKernel

/// What a policy service is told of a command, under `input` (docs/policy.md): meaning, and the text as recorded, which is
/// masked. No token, credential, parameter or row is ever in it.
struct PolicyServiceInput: Encodable {
    struct Document: Encodable { var input: PolicyServiceInput }

    struct Person: Encodable {
        var issuer: String
        var subject: String
        var name: String?
        var groups: [String]
    }

    struct Agent: Encodable {
        var name: String?
        /// The token names it; else the client only says so.
        var isVerified: Bool
        var model: String?
        var run: String?
        var purpose: String?
        var onBehalfOf: String?
    }

    struct Command: Encodable {
        /// `prepare` for what takes effect later, and is asked about again then.
        var phase: String
        var text: String
        var isTextCut: Bool
        var verb: String
        var verbs: [String]
        var classes: [String]
        var objects: [String]
        var reads: [String]
        var writes: [String]
        var schemas: [String]
        var searchPath: [String]?
        var columnsRead: [String]
        var columnsWritten: [String]
        var functions: [String]
        var settings: [String]
        var unknownCalls: [String]
        var withoutWhere: Bool
        var withoutLimit: Bool
        var joins: Int
        var rowsEstimate: Int?
        /// Why it was not understood; then nothing else of it is sure.
        var notUnderstood: String?
    }

    /// What the connection's own rules say.
    struct Own: Encodable {
        var verdict: String
        var rules: [String]
    }

    /// Moves when a member changes its meaning or goes away.
    var version = 1
    var connection: String
    var labels: [String: String]
    var kind: String
    var database: String
    var session: String
    var clientAddress: String
    var time: String
    var principal: Person?
    var agent: Agent
    var command: Command
    var request: PolicyServiceRequest?
    var guards: Own

    /// Bytes of the text that are sent.
    private static let mostText = 16 << 10

    init(_ question: VerdictQuestion, _ session: AdmittedSession, own: Verdict, time: Timestamp) {
        let (subject, context) = (question.subject, session.context)
        connection = context.connection
        labels = session.connection.labels
        kind = context.kind
        database = subject.database
        self.session = context.session.description
        clientAddress = context.clientAddress
        self.time = time.description
        principal = context.principal.map {
            Person(issuer: $0.issuer, subject: $0.subject, name: $0.name, groups: $0.groups)
        }
        agent = Agent(
            name: context.agent.agent, isVerified: context.agent.verifiedAgent != nil, model: context.agent.model,
            run: context.agent.run, purpose: context.agent.purpose, onBehalfOf: context.agent.onBehalfOf)
        request = subject.request?.outline.map { PolicyServiceRequest($0) }
        let whole = request == nil ? question.text[...] : Self.head(question.text)
        let text = whole.prefix(Self.mostText)
        command = Command(
            phase: question.isPreparing ? "prepare" : "execute", text: String(decoding: text, as: UTF8.self),
            isTextCut: text.count < whole.count, verb: question.verb, verbs: subject.verbs,
            classes: subject.classes.map(\.rawValue).sorted(), objects: question.objects,
            reads: Self.names(subject.reads), writes: Self.names(subject.writes), schemas: subject.schemas,
            searchPath: subject.searchPath.schemas, columnsRead: Self.once(subject.columnsRead),
            columnsWritten: Self.once(subject.columnsWritten), functions: Self.once(subject.functions),
            settings: subject.settings, unknownCalls: subject.unknownCalls,
            withoutWhere: subject.writesWithoutWhere, withoutLimit: subject.readsWithoutLimit,
            joins: subject.joinedRelations, rowsEstimate: subject.estimate?.rows,
            notUnderstood: subject.notUnderstood?.message)
        guards = Own(verdict: own.kind.rawValue, rules: own.rules)
    }

    /// Of a recorded request: bodies may hold what the record shows and nobody else shall see.
    private static func head(_ text: [UInt8]) -> ArraySlice<UInt8> {
        var index = 0
        while index + 3 < text.count {
            if text[index] == 0x0D, text[index + 1] == 0x0A, text[index + 2] == 0x0D, text[index + 3] == 0x0A {
                return text[..<(index + 4)]
            }
            index += 1
        }
        return text[...]
    }

    private static func names(_ relations: [RelationName]) -> [String] { once(relations.map(\.description)) }

    private static func once(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = .withoutEscapingSlashes
        return try encoder.encode(Document(input: self))
    }
}
