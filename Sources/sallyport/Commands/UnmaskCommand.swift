import ArgumentParser
import AuditConsole
import GatewayCore
import Identity

struct Unmask: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask to see masked columns of a connection for a time.",
        discussion: """
            Once approved, your sessions on the connection see these columns as they are, and so does the record: each answer's \
            entry says by which approval. Taken back with: sallyport withdraw ID.
            """)

    @OptionGroup var source: SourceOptions
    @Argument(help: "The connection.") var connection: String
    @Option(help: "A column, table.column or schema.table.column; several by commas or by repeating.")
    var columns: [String]
    @Option(name: .customLong("for"), help: "How long: 30m, 1h (default: as long as the masks allow).")
    var time: String?
    @Option(help: "Why: shown to who decides, and recorded.") var reason: String?
    @Option(help: "Who asks (with --config; default: your user name).") var subject: String?
    @Option(name: .customLong("group"), help: "A group of who asks (with --config).") var groups: [String] = []

    func run() async throws {
        let names = columns.flatMap { $0.split(separator: ",").map { JSONValue.string(String($0)) } }
        var members: [String: JSONValue] = ["connection": .string(connection), "columns": .array(names)]
        if let time {
            guard let seconds = Duration.seconds(of: time) else {
                throw CommandFailure.usage("--for must be like 90s, 30m or 1h, not \(Output.safe(time)).")
            }
            members["seconds"] = .number(Double(seconds))
        }
        if let reason { members["reason"] = .string(reason) }
        let approval = try await Source.act(source) { [subject, groups] _ in
            EmbeddedIssuer.Request(subject: subject ?? Source.operatorName, groups: groups, ttl: 60)
        } _: { [members] client in
            try await client.post("/api/v1/unmask-requests", members, as: ApprovalView.self)
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(approval), as: UTF8.self)) }
        Output.line("Approval \(approval.id) is \(approval.state); the columns are shown once it is approved.")
    }
}
