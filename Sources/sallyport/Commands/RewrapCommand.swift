import ArgumentParser
import AuditConsole
import AuditLedger
import AuditStore
import CredentialVault
import GatewayConfiguration
import GatewayCore

extension Audit {
    struct Rewrap: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put the data folder under another vault key, without rewriting recordings.",
            discussion:
                "The gateway must be stopped. The configured key is the old one. Until the command has done it the old key opens the folder, from then on the new one, also after a crash. Then make the new key the configured one and start the gateway."
        )

        @OptionGroup var file: ConfigOption
        @Option(help: ArgumentHelp("The new key's file; made when absent.", valueName: "file")) var newKey: String?
        @Option(help: ArgumentHelp("The environment variable that holds the new key.", valueName: "name"))
        var newKeyEnv: String?
        @Flag(name: .long, help: "Print JSON.") var json = false

        func run() async throws {
            let source: VaultKeySource
            switch (newKey, newKeyEnv) {
            case (let path?, nil): source = .file(path)
            case (nil, let name?): source = .environment(name)
            default: throw CommandFailure.usage("Name the new key by one of --new-key and --new-key-env.")
            }
            let configuration = try file.load()
            do {
                // A folder that is not there must not cost a key.
                _ = try DataFolder.existing(configuration)
                try DataFolder.requireOwner(of: configuration.data)
                let (old, new) = (try configuration.vaultKey.load(), try source.load())
                guard old != new else {
                    throw CommandFailure("The new key is the one that is configured: nothing to do.")
                }
                let result = try await Self.rotate(configuration, from: old, to: new)
                if json { return Output.line(String(decoding: ConsoleJSON.encode(RewrapView(result)), as: UTF8.self)) }
                Output.line(
                    "The data folder is under the new key: \(result.rewrapped) session keys and \(result.signers) signing keys were rewritten, \(result.kept) session keys had been before."
                )
                Output.note(
                    "note: make it the configured key (vault.key in \(configuration.file)) before the gateway starts again. Backups made until now still need the old one."
                )
            } catch let error as GatewayError {
                throw CommandFailure(error)
            }
        }

        private static func rotate(
            _ configuration: Configuration, from old: VaultKey, to new: VaultKey
        ) async throws -> KeyRotation.Result {
            let storage = try DataFolder.existing(configuration)
            if try KeyRotation.isDone(storage, new.folderKeys) {
                // Run again with the old key still configured.
                return try KeyRotation.run(storage, from: old.folderKeys, to: new.folderKeys)
            }
            // The entry first: a rotation without a trace would be worse than the trace of one that has to be done again.
            try await DataFolder.write(configuration, vault: old) { store in
                var draft = EntryDraft(.keyRotated)
                draft.principal = DataFolder.principal
                draft.details["door"] = "folder"
                try await store.appendSystemDurably(draft)
            }
            return try KeyRotation.run(storage, from: old.folderKeys, to: new.folderKeys)
        }
    }
}

extension VaultKey {
    /// The keys that a data folder is sealed with.
    fileprivate var folderKeys: DataFolderKeys {
        DataFolderKeys(sessions: derive(.sessionKeyWrapping), signer: derive(.ledgerKeySealing))
    }
}

/// What was put under the new key.
struct RewrapView: Codable {
    var rewrapped: Int
    var kept: Int
    var signers: Int

    init(_ result: KeyRotation.Result) {
        (rewrapped, kept, signers) = (result.rewrapped, result.kept, result.signers)
    }
}
