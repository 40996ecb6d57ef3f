import ArgumentParser
import AuditConsole

extension PolicyCommand {
    struct Reload: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a running gateway take over the policy of its configuration file; sessions go on.",
            discussion: "A file with a mistake changes nothing. SIGHUP does the same.")

        @OptionGroup var source: SourceOptions

        func run() async throws {
            let done = try await Source.act(source, token: Source.operatorRequest) { client in
                try await client.post("/api/v1/policy/reload", [:], as: PolicyReloadView.self)
            }
            if source.json { return Output.line(String(decoding: ConsoleJSON.encode(done), as: UTF8.self)) }
            if done.changes.isEmpty { Output.line("The policy is as it was.") }
            for change in done.changes {
                Output.line(Output.styled(Output.safe(change.connection), .bold) + "  \(change.from) -> \(change.to)")
                for line in change.diff { Output.line("  " + Output.safe(line)) }
            }
            if !done.changes.isEmpty {
                Output.line("\(done.sessions) open session\(done.sessions == 1 ? "" : "s") judged by it from now on.")
            }
            for change in done.changes where !change.newSessionsOnly.isEmpty {
                let parts = change.newSessionsOnly.joined(separator: ", ")
                Output.note("note: open sessions of \(Output.safe(change.connection)) keep their old \(parts).")
            }
            if !done.notReloaded.isEmpty {
                Output.note("note: only a restart takes over: \(Output.safe(done.notReloaded.joined(separator: ", ")))")
            }
        }
    }
}
