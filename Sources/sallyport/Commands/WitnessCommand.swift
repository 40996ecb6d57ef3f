import ArgumentParser
import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Identity
import LedgerWitness
import Logging
import ServiceLifecycle
import UnixSignals

struct WitnessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "witness", abstract: "Witness the ledgers of gateways (C2SP tlog-witness).",
        subcommands: [Run.self, Key.self], defaultSubcommand: Run.self)

    struct Folder: ParsableArguments {
        @Option(help: "The folder with the witness's key and state, made when absent.") var data: String
        @Option(help: "The key's name, at the first start; such as witness.example.com/w1.") var name: String?
        @Flag(name: .long, help: "Print JSON.") var json = false

        func storage() throws(CommandFailure) -> PosixStorage {
            let storage = PosixStorage(root: data)
            do throws(StorageFailure) {
                try storage.makeDirectory("")
                // Without its name everything in it would be gone after a power loss.
                try PosixStorage(root: data + "/..").syncDirectory("")
            } catch {
                throw CommandFailure("The folder \(data) cannot be made: \(error).")
            }
            return storage
        }
    }

    struct Key: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Print the witness's verifier key, for ledger.witnesses of a gateway; makes the key when there is none."
        )

        @OptionGroup var folder: Folder

        func run() async throws {
            do {
                let key = try WitnessKeyFile.load(try folder.storage(), name: folder.name).verifierKey
                Output.line(folder.json ? try KeyView(name: key.name, key: key.text).line() : key.text)
            } catch let error as GatewayError {
                throw CommandFailure(error)
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run", abstract: "Run the witness until SIGTERM or SIGINT.",
            discussion:
                "Cosigns checkpoints of the logs named by --log and refuses forks and rollbacks. Never bring an older copy of its data folder back. Without a certificate it speaks plain HTTP; put it behind a proxy that speaks TLS, or on a network of its own."
        )

        @OptionGroup var folder: Folder
        @Option(help: "Address and port to listen on, such as 127.0.0.1:6190.") var listen: String
        @Option(
            name: .customLong("log"),
            help: "Verifier key of a log to witness (sallyport audit key); may be given more than once.")
        var logs: [String] = []
        @Option(help: "PEM file with the certificate chain.") var tlsCertificate: String?
        @Option(help: "PEM file with the certificate's key.") var tlsKey: String?

        func run() async throws {
            let (host, port) = try Self.address(listen)
            guard !logs.isEmpty else { throw CommandFailure.usage("Name at least one log with --log.") }
            guard (tlsCertificate == nil) == (tlsKey == nil) else {
                throw CommandFailure.usage("--tls-certificate and --tls-key go together.")
            }
            let logger = LineLog.quiet(
                try LineLog.makeLogger(level: ProcessInfo.processInfo.environment["SALLYPORT_LOG"]))
            do {
                let storage = try folder.storage()
                guard try storage.lock() else {
                    throw CommandFailure("Another witness has the folder \(folder.data).")
                }
                let witness = try Witness(
                    storage: storage, cosigner: try WitnessKeyFile.load(storage, name: folder.name),
                    logs: try logs.map(Self.key), now: Timestamp.wall
                ) { Self.tell($0, logger) }
                let server = try WitnessServer(
                    witness, host: host, port: port,
                    certificate: tlsCertificate.flatMap { file in tlsKey.map { (file, $0) } }, logger: logger
                ) { bound in
                    let at = host.contains(":") ? "[\(host)]:\(bound)" : "\(host):\(bound)"
                    let view = KeyView(name: witness.verifierKey.name, key: witness.verifierKey.text, listening: at)
                    Output.note(
                        folder.json
                            ? (try? view.line()) ?? ""
                            : "sallyport: witness ready (\(at), key \(witness.verifierKey.text))")
                }
                try await ServiceGroup(
                    configuration: .init(
                        services: [ServerService(server: server)], gracefulShutdownSignals: [.sigterm, .sigint],
                        logger: logger)
                ).run()
            } catch let error as GatewayError {
                throw CommandFailure(error)
            } catch let error as CommandFailure {
                throw error
            } catch {
                throw CommandFailure("The witness ended: \(error). Is the port free?")
            }
        }

        private static func address(_ text: String) throws(CommandFailure) -> (String, Int) {
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
                (0...65_535).contains(port)
            else { throw .usage("--listen must be like 127.0.0.1:6190, not \(Output.safe(text)).") }
            var host = String(text[..<colon])
            if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
            guard !host.isEmpty else { throw .usage("--listen needs a host, such as 127.0.0.1 or 0.0.0.0.") }
            return (host, port)
        }

        private static func key(_ text: String) throws -> NoteVerifierKey {
            do {
                return try NoteVerifierKey(text)
            } catch {
                throw CommandFailure.usage("\(Output.safe(text.prefix(200))) is no verifier key (\(error.reason)).")
            }
        }

        /// What an operator should hear of: everything signed by a log that does not follow from what it signed before.
        private static func tell(_ event: Witness.Event, _ logger: Logger) {
            if let failure = event.failure {
                logger.error(
                    "the witness's state cannot be stored; nothing more is cosigned for this log",
                    metadata: ["origin": "\(event.origin)", "error": "\(failure)"])
            } else if event.mayBeFork {
                logger.warning(
                    "refused a signed checkpoint that does not follow from the one before: the log may have been rewritten",
                    metadata: ["origin": "\(event.origin)", "size": "\(event.size)"])
            } else if case .cosign = event.decision {
                logger.debug("cosigned", metadata: ["origin": "\(event.origin)", "size": "\(event.size)"])
            }
        }
    }
}

private struct KeyView: Codable {
    var name: String
    var key: String
    var listening: String?

    func line() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

private struct ServerService: Service {
    let server: WitnessServer

    func run() async throws {
        try await server.run()
    }
}
