import ArgumentParser
import AuditConsole
import AuditLedger
import AuditStore
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Identity

extension Audit {
    struct Retention: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Erase what `retention` in the configuration says is due, or show it.",
            discussion:
                "A running gateway does this by itself at its start and every hour. --dry-run shows what would go, beside a gateway or without one; without it the data folder must have no gateway running."
        )

        @OptionGroup var file: ConfigOption
        @Flag(name: .long, help: "Only show what would be erased.") var dryRun = false
        @Flag(name: .long, help: "Print JSON.") var json = false

        func run() async throws {
            let configuration = try file.load()
            let rules = RetentionRule.all(configuration)
            if rules.isEmpty { Output.note("note: \(configuration.file) has no `retention`: everything is kept.") }
            let due = dryRun ? try await due(configuration, rules) : try await erase(configuration, rules)
            let view = RetentionView(isDryRun: dryRun, due)
            if json { return Output.line(String(decoding: ConsoleJSON.encode(view), as: UTF8.self)) }
            if !view.sessions.isEmpty {
                Output.table(
                    ["SESSION", "CONNECTION", "ENDED", "BYTES", "RULE", "BECAUSE"],
                    view.sessions.map {
                        [
                            $0.session, $0.connection, String($0.closed.prefix(19)) + "Z", String($0.bytes), $0.rule,
                            $0.because,
                        ]
                    })
            }
            let count = view.sessions.count
            Output.line(
                "\(dryRun ? "Would erase" : "Erased") \(count) session\(count == 1 ? "" : "s") with \(view.bytes) bytes of recordings."
            )
        }

        private func due(
            _ configuration: Configuration, _ rules: [RetentionRule]
        ) async throws -> [RetentionCandidate] {
            let trail = try LocalTrail.open(configuration)
            do {
                try await trail.catchUp()
                return try trail.archive.due(rules, at: Timestamp.wall())
            } catch let error as GatewayError {
                throw CommandFailure(error)
            }
        }

        private func erase(
            _ configuration: Configuration, _ rules: [RetentionRule]
        ) async throws -> [RetentionCandidate] {
            try await DataFolder.write(configuration) { store in
                var erased: [RetentionCandidate] = []
                while true {
                    let round = try await store.retain(rules)
                    erased += round.erased
                    guard round.isFull else { return erased }
                }
            }
        }
    }
}

/// What retention erased or would erase.
struct RetentionView: Codable {
    struct Session: Codable {
        var session: String
        var connection: String
        var closed: String
        /// Of its recording; 0 while it is only in the log.
        var bytes: UInt64
        var rule: String
        /// `age` or `size`.
        var because: String
    }

    var dryRun: Bool
    var sessions: [Session]
    var bytes: UInt64

    init(isDryRun: Bool, _ candidates: [RetentionCandidate]) {
        dryRun = isDryRun
        bytes = candidates.reduce(0) { $0 &+ $1.bytes }
        sessions = candidates.map { candidate in
            let context = candidate.session.context
            return Session(
                session: context.session.description, connection: context.connection,
                closed: candidate.session.closed?.description ?? "", bytes: candidate.bytes, rule: candidate.rule.name,
                because: candidate.cause.rawValue)
        }
    }
}
