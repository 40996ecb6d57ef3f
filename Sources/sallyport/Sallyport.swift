import ArgumentParser
import Foundation

@main
struct Sallyport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sallyport",
        abstract: "An audit and control gateway for what people, CI jobs and AI agents do to databases.",
        version: Version.text,
        subcommands: [
            Serve.self, TokenCommand.self, Sessions.self, Search.self, Replay.self, Approvals.self, Approve.self,
            Deny.self, Withdraw.self, RequestAccess.self, Unmask.self,
            Locks.self,
            LockCommand.self, Unlock.self, Sinks.self, Audit.self, ConfigCommand.self, PolicyCommand.self,
            DetectorsCommand.self,
            WitnessCommand.self,
        ])

    /// Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            Output.flush()
            try Output.mustBeWritten()
        } catch {
            Output.flush()
            finish(error)
        }
    }

    private static func finish(_ error: any Error) -> Never {
        if let failure = error as? CommandFailure {
            Output.error(failure.message)
            Foundation.exit(failure.code)
        }
        // Help and version are "errors" of the parser that end well.
        if exitCode(for: error) == .success { exit(withError: error) }
        if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
        let isUsage = exitCode(for: error) == .validationFailure
        let text = isUsage ? fullMessage(for: error) + "\n" : "error: \(error)\n"
        FileHandle.standardError.write(Data(text.utf8))
        Foundation.exit(isUsage ? 2 : 1)
    }
}

enum Version {
    static let text = "sallyport 0.2.0"
}
