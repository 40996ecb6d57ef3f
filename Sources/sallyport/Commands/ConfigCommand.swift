import ArgumentParser
import AuditConsole
import GatewayConfiguration

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Work on the configuration file.", subcommands: [Check.self],
        defaultSubcommand: Check.self)

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check the whole file and tell all mistakes at once; exit code 2 if there are any.")

        struct Summary: Codable {
            var file: String
            var isValid: Bool
            var connections: [ConnectionView]
        }

        @OptionGroup var file: ConfigOption
        @Flag(name: .long, help: "Print JSON.") var json = false

        func run() async throws {
            let configuration = try file.load(checkingSecrets: true)
            let summary = Summary(
                file: configuration.file, isValid: true,
                connections: configuration.connections.map { ConnectionView($0) })
            if json { return Output.line(String(decoding: ConsoleJSON.encode(summary), as: UTF8.self)) }
            Output.line("\(configuration.file) is valid.")
            Output.table(
                ["CONNECTION", "KIND", "DATABASE", "GUARDS", "MASKED"],
                summary.connections.map {
                    [
                        $0.name, $0.kind, $0.database, $0.guards.isEmpty ? "-" : $0.guards.joined(separator: ", "),
                        $0.isMasked ? "yes" : "no",
                    ]
                })
        }
    }
}
