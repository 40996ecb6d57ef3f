import AccessPolicy
import ArgumentParser
import AuditConsole
import DataMasking
import GatewayConfiguration
import Identity

extension PolicyCommand {
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look for rules and masks that can change nothing.",
            discussion: "Exit code 0: nothing found; 1: findings; 2: the file does not load.")

        @Argument(help: "The gateway's configuration file.") var file: String
        @Flag(name: .long, help: "Print JSON.") var json = false

        struct Finding: Encodable {
            var connection: String
            /// `guard` or `mask`.
            var part: String
            var name: String
            var kind: String
            var what: String
            var fix: String
        }

        struct Report: Encodable {
            var file: String
            var connections: Int
            var findings: [Finding]
        }

        func run() async throws {
            let configuration = try ConfigurationFile.load(file)
            let findings = configuration.connections.flatMap(Self.findings)
            if json {
                let report = Report(
                    file: configuration.file, connections: configuration.connections.count, findings: findings)
                Output.line(String(decoding: ConsoleJSON.encode(report), as: UTF8.self))
            } else {
                for finding in findings {
                    Output.line(
                        Output.safe(
                            "\(finding.connection): \(finding.part) \(finding.name): \(finding.kind): \(finding.what). Fix: \(finding.fix)."
                        ))
                }
                if findings.isEmpty { Output.line("\(configuration.file): nothing found.") }
            }
            if !findings.isEmpty { throw ExitCode(1) }
        }

        private static func findings(_ connection: ConnectionConfiguration) -> [Finding] {
            var findings = PolicyLint.findings(connection.guards, readOnly: connection.isReadOnly).map {
                Finding(
                    connection: connection.name, part: "guard", name: $0.rule, kind: $0.kind.rawValue, what: $0.what,
                    fix: $0.fix)
            }
            findings += issuers(connection) + masks(connection)
            return findings
        }

        /// Whoever gets in comes from one of the issuers that the access list names.
        private static func issuers(_ connection: ConnectionConfiguration) -> [Finding] {
            guard let admitted = connection.access.issuers else { return [] }
            return connection.guards.compactMap { rule in
                let issuer = rule.when.issuer
                guard !issuer.list.isEmpty, !issuer.isNegated, admitted.isDisjoint(with: issuer.list) else {
                    return nil
                }
                return Finding(
                    connection: connection.name, part: "guard", name: rule.name, kind: "dead",
                    what: "nobody of its issuers gets in, so it can never apply",
                    fix: "name an issuer of the access list, or remove it")
            }
        }

        /// A column, or a detector everywhere, that an earlier mask names already.
        private static func masks(_ connection: ConnectionConfiguration) -> [Finding] {
            var findings: [Finding] = []
            for (index, mask) in connection.masks.enumerated() {
                let earlier = connection.masks[..<index].filter {
                    $0.detect.isEmpty == mask.detect.isEmpty && $0.method == mask.method
                        && Set(mask.columns).isSubset(of: $0.columns) && Set(mask.detect).isSubset(of: $0.detect)
                        && (mask.columns.isEmpty == $0.columns.isEmpty)
                }
                guard !earlier.isEmpty else { continue }
                findings.append(
                    Finding(
                        connection: connection.name, part: "mask", name: "mask[\(index)]", kind: "shadowed",
                        what: "an earlier mask does the same to all that it names", fix: "remove one of the two"))
            }
            return findings
        }
    }
}
