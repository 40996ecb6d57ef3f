import ArgumentParser
import AuditConsole
import AuditLedger
import AuditStore
import GatewayConfiguration
import GatewayCore

extension Audit {
    struct Inclusion: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prove that an entry is in the log.",
            discussion:
                "Prints a C2SP tlog-proof under the published checkpoint, checked before it is printed. The entry's own bytes are in --json, as leaf."
        )

        @OptionGroup var source: SourceOptions
        @Argument(help: "The entry's id, or its index in the log.") var entry: String

        func run() async throws {
            guard let name = EntryName(entry) else {
                throw CommandFailure.usage("\(Output.safe(entry)) is no entry's id and no index.")
            }
            let view: InclusionView? = try await Source.read(source) { source in
                switch source {
                case .api(let client):
                    try await client.get("/api/v1/ledger/inclusion", [("entry", entry)], as: InclusionView.self)
                case .folder(let configuration): try Proofs.local(configuration) { try InclusionView.make(name, $0) }
                }
            }
            guard let view else { throw CommandFailure("There is no entry \(Output.safe(entry)) in the log.") }
            try await Proofs.check {
                let proof = try TransparencyProof(Array(view.proof.utf8))
                let key = try await Proofs.key(source)
                try proof.verify(entry: Array(view.leaf.utf8), key: key)
            }
            if source.json {
                Output.line(String(decoding: ConsoleJSON.encode(view), as: UTF8.self))
            } else {
                Output.bytes(Array(Output.safe(view.proof, keepingLines: true).utf8))
            }
        }
    }

    struct Consistency: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prove that the log of one size is a start of the log of another.",
            discussion: "Sizes are numbers of entries, as in the second line of a checkpoint.")

        @OptionGroup var source: SourceOptions
        @Argument(help: "The earlier size.") var from: UInt64
        @Argument(help: "The later size; the published one when it is left out.") var to: UInt64?

        func run() async throws {
            let view = try await Source.read(source) { source in
                switch source {
                case .api(let client):
                    try await client.get(
                        "/api/v1/ledger/consistency", [("from", String(from)), ("to", to.map { String($0) })],
                        as: ConsistencyView.self)
                case .folder(let configuration):
                    try Proofs.local(configuration) { try ConsistencyView.make(from: from, to: to, $0) }
                }
            }
            try await Proofs.check {
                let hashes = view.hashes.compactMap { TreeHash(base64: $0) }
                guard let old = TreeHash(base64: view.fromRoot), let new = TreeHash(base64: view.toRoot),
                    hashes.count == view.hashes.count
                else { throw ProofFailure.wrongLength }
                try ConsistencyProof(oldSize: view.from, newSize: view.to, hashes: hashes).verify(old: old, new: new)
                let note = try SignedNote(Array(view.checkpoint.utf8))
                let key = try await Proofs.key(source)
                _ = try note.verify([key])
                let head = try Checkpoint(text: note.text).head
                guard view.from == from, view.to == to ?? head.size, view.to != head.size || new == head.root else {
                    throw ProofFailure.rootMismatch
                }
            }
            if source.json { return Output.line(String(decoding: ConsoleJSON.encode(view), as: UTF8.self)) }
            Output.line("from \(view.from) \(Output.safe(view.fromRoot))")
            Output.line("to \(view.to) \(Output.safe(view.toRoot))")
            for hash in view.hashes { Output.line(Output.safe(hash)) }
        }
    }
}

/// What the two proofs share.
enum Proofs {
    static func local<View>(_ configuration: Configuration, _ body: (LedgerProofs) throws -> View) throws -> View {
        do {
            return try body(LedgerProofs(LedgerFolder(storage: PosixStorage(root: configuration.data))))
        } catch is ProofFailure {
            throw CommandFailure.usage("The first size must not be larger than the second.")
        } catch let error as GatewayError {
            throw CommandFailure(error)
        }
    }

    /// The log's key: of the data folder, or as the gateway elsewhere names it.
    static func key(_ options: SourceOptions) async throws -> NoteVerifierKey {
        guard options.url != nil else { return try LedgerSource.key(options.file.load()) }
        return try await Source.read(options) { source in
            guard case .api(let client) = source else { throw CommandFailure("--url names no API.") }
            return try NoteVerifierKey(try await client.get("/api/v1/ledger/key", as: LedgerKeyView.self).key)
        }
    }

    /// A proof that does not hold is never printed as one.
    static func check(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("The proof does not hold (\(error)): this log is not what its key signed.")
        }
    }
}
