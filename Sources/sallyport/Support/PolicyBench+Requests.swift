import AccessPolicy
import GatewayConfiguration
import GatewayCore
import HTTPDialect
import Identity

/// What `policy test` asks of a connection of kind http.
extension PolicyBench {
    var isHTTP: Bool { connection.kind == "http" }
    /// Bytes of a body that are judged.
    private var limit: Int { connection.limits.command ?? 1 << 20 }

    /// A request as somebody writes it down.
    struct WrittenRequest {
        /// `POST /refunds?a=b`.
        var line: String
        /// `Name: value`.
        var fields: [String] = []
        var body: [UInt8] = []
    }

    func judge(_ request: WrittenRequest, by sender: Sender, access: Bool?) throws(CommandFailure) -> JudgedCommand {
        let words = request.line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 2, words[1].hasPrefix("/") else {
            throw .usage(
                "\(connection.name) is of kind http: write --command \"METHOD /path\", without the connection's name.")
        }
        let sample: RequestSample
        do throws(MalformedHTTP) {
            sample = try RequestSample(
                method: words[0], target: words[1], fields: request.fields, body: request.body, limit: limit)
        } catch {
            throw .usage("The gateway would refuse this request: \(error.message).")
        }
        let subject = filled(sample.subject, by: sender)
        let verdict = policy.evaluate(subject)
        let steps = policy.explain(subject).map { JudgedCommand.Step($0) }
        var judged = JudgedCommand(request.line, access, [], subject, verdict, steps)
        judged.request = JudgedCommand.Request(
            method: sample.method, object: sample.object, classes: subject.classes.map(\.rawValue).sorted())
        return judged
    }

    /// A request of the record; nil when it cannot be read any more.
    func subject(ofRecorded text: String) -> CommandSubject? {
        // As `ContentText` shows what is no UTF-8.
        let mark = "base64url:"
        let bytes = text.hasPrefix(mark) ? Base64URL.decode(text.dropFirst(mark.count).utf8) : Array(text.utf8)
        return (try? RequestSample(recorded: bytes ?? [], prefix: connection.target.path, limit: limit))?.subject
    }
}
