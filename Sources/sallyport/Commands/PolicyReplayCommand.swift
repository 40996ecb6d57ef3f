import ArgumentParser
import AuditConsole
import GatewayConfiguration
import GatewayCore
import Identity

extension PolicyCommand {
    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Judge recorded commands by another policy, and show what would change.",
            discussion:
                "Texts are judged as recorded, so with masked literals. The record tells no groups: --group says which ones to take for granted."
        )

        @OptionGroup var source: SourceOptions
        @Argument(help: "A configuration file with the new policy; its connections are found by their names.")
        var file: String
        @Option(help: "From this time on (2026-11-21 or 2026-11-21T05:00:00Z).") var since: String
        @Option(help: "Up to this time.") var until: String?
        @Option(help: "This connection only.") var connection: String?
        @Option(name: .long, help: "A group that everybody is taken to be in; may be given more than once.")
        var group: [String] = []
        @Option(name: .customLong("search-path"), help: "The search_path that sessions are taken to have.")
        var searchPath: String?
        @Option(help: "Changes listed at most; all are counted.") var limit = 100

        func run() async throws {
            guard limit >= 0 else { throw CommandFailure.usage("--limit must be 0 or more.") }
            let policy = try ConfigurationFile.load(file)
            let from = try Self.time(since)
            let replayer = try PolicyReplayer(
                policy, range: from...(try until.map(Self.time) ?? Timestamp(microseconds: .max)), groups: group,
                searchPath: searchPath, limit: limit)
            defer { replayer.close() }
            if let connection, !replayer.knows(connection) {
                throw CommandFailure.usage("\(file) has no connection \(Output.safe(connection)).")
            }
            // A session may have begun before the time asked for.
            var filter = SessionFilter()
            filter.connection = connection
            filter.since = from.advanced(bySeconds: -policy.session.max)
            filter.until = try until.map(Self.time)
            let report = try await Source.read(source) { [filter] source in
                try await replayer.run(source, filter)
            }
            if source.json { return Output.line(String(decoding: ConsoleJSON.encode(report), as: UTF8.self)) }
            report.print()
        }

        private static func time(_ text: String) throws(CommandFailure) -> Timestamp {
            guard let time = Timestamp(rfc3339: text) else {
                throw .usage("\(text) is no time; write 2026-11-21 or 2026-11-21T05:00:00Z.")
            }
            return time
        }
    }
}
