import ArgumentParser
import AuditConsole
import GatewayCore

struct Approvals: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List commands that wait for approval, or show one with all that is known of it.")

    @OptionGroup var source: SourceOptions
    @Argument(help: "An approval's id: also shows what else its session did, and what its transaction holds.")
    var id: String?
    @Option(help: "pending, approved, denied, expired, withdrawn, consumed, or all.") var state = "pending"

    func run() async throws {
        if let id { return try await showOne(id) }
        let approvals = try await Source.act(source, token: Source.operatorRequest) { client in
            try await client.all("/api/v1/approvals", [("state", state == "all" ? nil : state)], of: ApprovalView.self)
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(approvals), as: UTF8.self)) }
        if approvals.isEmpty { return Output.note(state == "all" ? "No approvals." : "No \(state) approvals.") }
        for approval in approvals { ApprovalText(approval).write() }
    }

    private func showOne(_ text: String) async throws {
        guard let id = RecordID(text) else {
            throw CommandFailure.usage("\(Output.safe(text)) is no approval id; see: sallyport approvals")
        }
        let approval = try await Source.act(source, token: Source.operatorRequest) { client in
            try await client.get("/api/v1/approvals/\(id)", as: ApprovalView.self)
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(approval), as: UTF8.self)) }
        ApprovalText(approval).write(whole: true)
    }
}
