import ArgumentParser
import AuditConsole
import GatewayCore
import Identity

extension Audit {
    struct Erase: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Destroy the content of closed sessions for good; the ledger still verifies.",
            discussion: "Done by the running gateway. Each erased session leaves an entry with the reason.")

        @OptionGroup var source: SourceOptions
        @Option(help: "Only this session.") var session: String?
        @Option(help: "All closed sessions of this subject.") var principal: String?
        @Option(help: "The principal's issuer (default: any).") var issuer: String?
        @Option(help: "Why: recorded with the erasure.") var reason: String

        func run() async throws {
            guard (session == nil) != (principal == nil) else {
                throw CommandFailure.usage("Name one of --session or --principal.")
            }
            if let session, RecordID(session) == nil {
                throw CommandFailure.usage("\(Output.safe(session)) is no session id; see: sallyport sessions")
            }
            var members: [String: JSONValue] = ["reason": .string(reason)]
            for case (let name, let value?) in [("session", session), ("principal", principal), ("issuer", issuer)] {
                members[name] = .string(value)
            }
            let done = try await Source.act(source, token: Source.operatorRequest) { [members] client in
                try await client.post("/api/v1/erasures", members, as: ErasureView.self)
            }
            if source.json { return Output.line(String(decoding: ConsoleJSON.encode(done), as: UTF8.self)) }
            Output.line("Erased \(done.erased) session\(done.erased == 1 ? "" : "s").")
        }
    }
}
