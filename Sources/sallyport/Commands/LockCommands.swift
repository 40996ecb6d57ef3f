import ArgumentParser
import AuditConsole
import GatewayCore
import Identity

struct Locks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the locks that stand.")

    @OptionGroup var source: SourceOptions

    func run() async throws {
        let locks = try await Source.act(source, token: Source.operatorRequest) { client in
            try await client.all("/api/v1/locks", [], of: LockView.self)
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(locks), as: UTF8.self)) }
        if locks.isEmpty { return Output.note("No locks.") }
        Output.table(
            ["LOCK", "TARGET", "SINCE", "BY", "REASON"],
            locks.map { [$0.id, $0.target + " " + $0.value, String($0.since.prefix(19)) + "Z", $0.author, $0.reason] })
    }
}

struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Shut out a principal, agent, run or connection: its sessions end now, and none begins.")

    @OptionGroup var source: SourceOptions
    @Option(help: "Subject of the principal.") var principal: String?
    @Option(help: "The principal's issuer (default: any).") var issuer: String?
    @Option(help: "Name of the agent.") var agent: String?
    @Option(name: .customLong("run"), help: "The agent run.") var agentRun: String?
    @Option(help: "Name of the connection.") var connection: String?
    @Option(help: "Why: shown to those shut out, and recorded.") var reason: String

    func run() async throws {
        let named = [("principal", principal), ("agent", agent), ("run", agentRun), ("connection", connection)]
        guard named.filter({ $0.1 != nil }).count == 1 else {
            throw CommandFailure.usage("Name one of --principal, --agent, --run or --connection.")
        }
        var members: [String: JSONValue] = ["reason": .string(reason)]
        for case (let name, let value?) in named + [("issuer", issuer)] { members[name] = .string(value) }
        let lock = try await Source.act(source, token: Source.operatorRequest) { [members] client in
            try await client.post("/api/v1/locks", members, as: LockView.self)
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(lock), as: UTF8.self)) }
        let ended = lock.ended ?? 0
        Output.line(
            "Locked; \(ended) open session\(ended == 1 ? "" : "s") ended. Lift it with: sallyport unlock \(lock.id)")
    }
}

struct Unlock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lift a lock.")

    @OptionGroup var source: SourceOptions
    @Argument(help: "The lock's id, from: sallyport locks") var id: String

    func run() async throws {
        guard let id = RecordID(id) else {
            throw CommandFailure.usage("\(Output.safe(id)) is no lock id; see: sallyport locks")
        }
        try await Source.act(source, token: Source.operatorRequest) { client in
            try await client.delete("/api/v1/locks/\(id)")
        }
        if source.json { return Output.line("{\"released\":\"\(id)\"}") }
        Output.line("Lifted.")
    }
}
