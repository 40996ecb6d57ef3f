import ArgumentParser
import AuditConsole
import GatewayCore
import Identity

struct DeciderOptions: ParsableArguments {
    @OptionGroup var source: SourceOptions
    @Argument(help: "The approval's id.") var id: String
    @Option(help: "Who decides (with --config; default: your user name).") var subject: String?
    @Option(
        name: .customLong("group"),
        help: "A group of who decides (with --config; default: those that may approve this).") var groups: [String] = []

    func decide(_ decision: String, reason: String?) async throws {
        guard let id = RecordID(id) else {
            throw CommandFailure.usage("\(Output.safe(id)) is no approval id; see: sallyport approvals")
        }
        var groups = self.groups
        if groups.isEmpty, source.url == nil {
            groups = try await Source.act(source, token: Source.operatorRequest) { client in
                try await client.get("/api/v1/approvals/\(id)", as: ApprovalView.self).groups
            }
        }
        let approval = try await Source.act(source) { [groups] _ in
            EmbeddedIssuer.Request(
                subject: subject ?? Source.operatorName, groups: groups, audience: TokenVerifier.approvalAudience,
                ttl: 60)
        } _: { client in
            try await client.post(
                "/api/v1/approvals/\(id)/\(decision)", reason.map { ["reason": .string($0)] } ?? [:],
                as: ApprovalView.self)
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(approval), as: UTF8.self)) }
        let missing = approval.count - approval.approvals.count
        Output.line(
            approval.state == "pending"
                ? "Approval \(approval.id): your yes is counted, \(missing) more needed."
                : "Approval \(approval.id) is \(shown(approval.state)).")
    }

    /// A grant is used up in the moment in which it is given.
    private func shown(_ state: String) -> String {
        state == "consumed" ? "approved" : state
    }
}

struct Approve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let a held command pass, once.")

    @OptionGroup var decider: DeciderOptions
    @Option(help: "Why, for the record.") var reason: String?

    func run() async throws {
        try await decider.decide("approve", reason: reason)
    }
}

struct RequestAccess: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "request", abstract: "Ask for access to a connection for a time.")

    @OptionGroup var source: SourceOptions
    @Argument(help: "The connection.") var connection: String
    @Option(name: .customLong("for"), help: "How long: 30m, 1h (default: as long as the connection allows).")
    var time: String?
    @Option(help: "Why: shown to who decides, and recorded.") var reason: String?
    @Option(help: "Who asks (with --config; default: your user name).") var subject: String?
    @Option(name: .customLong("group"), help: "A group of who asks (with --config).") var groups: [String] = []

    func run() async throws {
        var members: [String: JSONValue] = ["connection": .string(connection)]
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
            try await client.post("/api/v1/access-requests", members, as: ApprovalView.self)
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(approval), as: UTF8.self)) }
        Output.line("Approval \(approval.id) is \(approval.state); connect once it is approved.")
    }
}

struct Withdraw: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take back a request for approval, or an unused grant.")

    @OptionGroup var source: SourceOptions
    @Argument(help: "The approval's id.") var id: String
    @Option(help: "Why, for the record.") var reason: String?

    func run() async throws {
        guard let id = RecordID(id) else {
            throw CommandFailure.usage("\(Output.safe(id)) is no approval id; see: sallyport approvals")
        }
        let approval = try await Source.act(source, token: Source.operatorRequest) { client in
            try await client.post(
                "/api/v1/approvals/\(id)/withdraw", reason.map { ["reason": .string($0)] } ?? [:],
                as: ApprovalView.self)
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(approval), as: UTF8.self)) }
        Output.line("Approval \(approval.id) is withdrawn.")
    }
}

struct Deny: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Refuse a held command.")

    @OptionGroup var decider: DeciderOptions
    @Option(help: "Why: shown to who asked, and recorded.") var reason: String

    func run() async throws {
        try await decider.decide("deny", reason: reason)
    }
}
