import AccessPolicy
import ArgumentParser
import AuditConsole
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Identity
import SQLAnalysis

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Ask what a connection's policy says.",
        subcommands: [Check.self, Test.self, Replay.self, Reload.self])

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Judge commands as the gateway would, and tell each step on the way to the verdict.",
            discussion:
                "No server is asked: EXECUTE and FETCH are understood only when the text itself prepares or declares what they name."
        )

        @Argument(help: "The gateway's configuration file.") var file: String
        @Option(
            name: .long,
            help:
                "A command's whole text; for kind http \"METHOD /path?query\". Given more than once, each is judged by itself."
        )
        var command: [String] = []
        @Option(name: .long, help: "For kind http: a header field, \"Name: value\"; may be given more than once.")
        var header: [String] = []
        @Option(name: .long, help: "For kind http: the request's body.") var body: String?
        @Option(name: .customLong("body-file"), help: "For kind http: a file with the request's body.")
        var bodyFile: String?
        @Option(name: .customLong("as"), help: "The subject who sends it.") var subject: String?
        @Option(name: .long, help: "A group of the subject; may be given more than once.") var group: [String] = []
        @Option(name: .long, help: "The issuer who says so (default: any).") var issuer: String?
        @Option(name: .long, help: "The agent that the subject's token names.") var agent: String?
        @Option(name: .long, help: "What the command is for.") var purpose: String?
        @Option(name: .long, help: "When it is sent, e.g. 2026-11-21T14:30:00Z (default: now).") var at: String?
        @Option(
            name: .customLong("search-path"),
            help: "The session's search_path; without it a name without a schema may lie in any.")
        var searchPath: String?
        @Option(
            name: .customLong("rows-estimate"),
            help: "How many rows the target thinks it is about; without it every estimated_rows_over counts as met.")
        var rowsEstimate: Int?
        @Option(name: .long, help: "The connection; needed when the file has more than one.") var connection: String?
        @Option(name: .long, help: "End with code 1 unless every verdict is this one: allow, hold or block.")
        var expect: String?
        @Flag(name: .long, help: "Print JSON, one line a command.") var json = false

        func run() async throws {
            guard !command.isEmpty else { throw CommandFailure.usage("Give a command with --command.") }
            if let expect, VerdictKind(rawValue: expect) == nil {
                throw CommandFailure.usage("--expect is allow, hold or block, not \(expect).")
            }
            let configuration = try ConfigurationFile.load(file)
            let bench = try PolicyBench(chosen(configuration), limits: configuration.analysisLimits)
            defer { bench.close() }
            let access = try access(bench.connection)
            let sender = try sender()
            if !bench.isHTTP, !header.isEmpty || body != nil || bodyFile != nil {
                throw CommandFailure.usage(
                    "--header, --body and --body-file are for connections of kind http, and \(bench.connection.name) is none."
                )
            }
            let content = try content()
            var isAsExpected = true
            for text in command {
                let judged =
                    bench.isHTTP
                    ? try bench.judge(.init(line: text, fields: header, body: content), by: sender, access: access)
                    : await bench.judge(text, by: sender, access: access)
                if json {
                    Output.line(String(decoding: ConsoleJSON.encode(judged), as: UTF8.self))
                } else {
                    PolicyText.print(judged, connection: bench.connection.name, subject: subject)
                }
                isAsExpected = isAsExpected && (expect == nil || judged.verdict == expect)
            }
            if !isAsExpected { throw CommandFailure("A verdict was not \(expect ?? "").") }
        }

        /// The body that was given.
        private func content() throws(CommandFailure) -> [UInt8] {
            guard let bodyFile else { return Array((body ?? "").utf8) }
            guard body == nil else { throw .usage("Give one of --body and --body-file.") }
            do {
                return Array(try Data(contentsOf: URL(filePath: bodyFile)))
            } catch {
                throw .usage("\(bodyFile) cannot be read: \(error.localizedDescription)")
            }
        }

        private func chosen(_ configuration: Configuration) throws(CommandFailure) -> ConnectionConfiguration {
            let names = configuration.connections.map(\.name)
            if connection == nil, names.count == 1 { return configuration.connections[0] }
            guard let connection else {
                throw .usage("Name the connection with --connection: \(names.joined(separator: ", ")).")
            }
            guard let found = configuration.connections.first(where: { $0.name == connection }) else {
                throw .usage("There is no connection \(connection); the file has: \(names.joined(separator: ", ")).")
            }
            return found
        }

        private func sender() throws(CommandFailure) -> PolicyBench.Sender {
            var sender = PolicyBench.Sender()
            sender.principal = principal
            if agent != nil || purpose != nil {
                sender.agent = AgentContext(agent: agent, purpose: purpose, trust: .verified)
                sender.agent?.verifiedAgent = agent
            }
            sender.searchPath = searchPath
            sender.rowsEstimate = rowsEstimate
            guard let at else { return sender }
            guard let time = Timestamp(rfc3339: at) else {
                throw .usage("--at is a time such as 2026-11-21T14:30:00Z, not \(at).")
            }
            sender.time = time
            return sender
        }

        private var principal: Principal? {
            subject.map { Principal(issuer: issuer ?? "", subject: $0, groups: group, isPersonIssuer: false) }
        }

        /// Nil: nobody was named.
        private func access(_ connection: ConnectionConfiguration) throws(CommandFailure) -> Bool? {
            guard let principal else {
                if group.isEmpty, issuer == nil { return nil }
                throw .usage("--group and --issuer are about a subject: name it with --as.")
            }
            var list = connection.access
            if issuer == nil { list.issuers = nil }
            return list.allows(principal)
        }
    }
}
