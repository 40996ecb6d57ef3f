import ArgumentParser
import AuditConsole
import AuditLedger
import AuditStore
import CredentialVault
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Identity

extension Audit {
    struct Key: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the key that the log's checkpoints are verified with.",
            discussion:
                "Reads the data folder; with --url asks the API of a gateway elsewhere. The form is the one of C2SP signed notes: name+id+key."
        )

        @OptionGroup var source: SourceOptions

        func run() async throws {
            let view: LedgerKeyView
            if source.url == nil {
                view = LedgerKeyView(try LedgerSource.key(try source.file.load()))
            } else {
                view = try await Source.read(source) { source in
                    guard case .api(let client) = source else { throw CommandFailure("--url names no API.") }
                    return try await client.get("/api/v1/ledger/key", as: LedgerKeyView.self)
                }
            }
            if source.json {
                Output.line(String(decoding: ConsoleJSON.encode(view), as: UTF8.self))
            } else {
                Output.line(Output.safe(view.key))
            }
        }
    }

    struct StartNewLog: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "new-log",
            abstract: "End the log and begin a new one, after its data had to be restored from an older copy.",
            discussion:
                "The gateway must be stopped. The old tree and its key are kept as ledger.old-N and signer.old-N; the new log has a new key and origin, which whoever verifies it must learn. Its entry admin.new_log names the old log's last known checkpoint."
        )

        @OptionGroup var file: ConfigOption
        @Option(help: "Why; goes into the record.") var reason: String
        @Flag(name: .long, help: "Print JSON.") var json = false

        func run() async throws {
            guard !reason.isEmpty, reason.utf8.count <= 4096 else {
                throw CommandFailure.usage("--reason must be a text of at most 4096 bytes.")
            }
            let configuration = try file.load()
            let result: NewLog.Result
            do {
                result = try await NewLog.begin(
                    directory: configuration.data,
                    options: StoreOptions(configuration, vault: configuration.vaultKey.load()), reason: reason,
                    by: Principal(
                        issuer: EmbeddedIssuer.defaultURL, subject: Source.operatorName, groups: [],
                        isPersonIssuer: true),
                    now: Timestamp.wall)
            } catch let error as GatewayError {
                throw CommandFailure(error)
            }
            if json {
                Output.line(String(decoding: ConsoleJSON.encode(LedgerKeyView(result.key)), as: UTF8.self))
            } else {
                Output.line(Output.safe(result.key.text))
                let old = result.old.map { "\($0.origin) at \($0.head.size) entries" } ?? "no checkpoint was found"
                Output.note(
                    Output.safe(
                        "note: the old log was \(old). The new one has \(result.published.head.size) entries; tell its key to whoever verifies it."
                    ))
            }
        }
    }
}
