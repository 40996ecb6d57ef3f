package import AuditLedger
package import GatewayCore

/// Writes the evidence bundle of one session: its entries from the ledger itself, what content there still is from the
/// recording.
package struct EvidenceWriter {
    private static let page = 50

    private let archive: AuditArchive
    private let proofs: LedgerProofs
    private let key: NoteVerifierKey

    package init(archive: AuditArchive, ledger: LedgerFolder, key: NoteVerifierKey) {
        self.archive = archive
        proofs = LedgerProofs(ledger)
        self.key = key
    }

    /// Whether the published checkpoint covers all that is recorded of the session by now.
    package func covers(_ session: RecordID) throws -> Bool {
        let published = try proofs.published()
        var entries = SessionEntries(session, proofs.folder, size: published.checkpoint.head.size)
        var count: UInt64 = 0
        while try entries.next() != nil { count += 1 }
        return try archive.entries(of: session, from: count, limit: 1).isEmpty
    }

    /// Gives the bundle to `write` in pieces. Entries that the published checkpoint does not cover are left out, so the
    /// caller waits until it covers what is wanted.
    ///
    /// Errors: `not_found` for a session without entries; `LedgerProblem` where ledger and recording differ; what `write`
    /// throws.
    package func write(_ session: RecordID, _ write: @escaping ([UInt8]) throws -> Void) throws {
        let published = try proofs.published()
        let note = published.note.bytes
        _ = try LedgerCheck.verify(note, key: key, witnesses: [], kind: .checkpoint, proofs.folder.checkpointPath)
        let out = Output(folder: EvidenceFormat.folder(session), write: write)
        var entries = SessionEntries(session, proofs.folder, size: published.checkpoint.head.size)
        guard var entry = try entries.next() else {
            throw GatewayError(.notFound, "The ledger has no session \(session).")
        }
        try out.file("README.txt", Array(EvidenceFormat.readme.utf8))
        try out.file("key.txt", Array((key.text + "\n").utf8))
        try out.file("checkpoint", note)
        let tiles = TileCache(proofs.folder)
        var recorded: [ArchivedEntry] = []
        var sequence: UInt64 = 0
        while true {
            try out.file(EvidenceFormat.entry(sequence), entry.bytes)
            let proof = try proofs.inclusion(of: entry.index, under: published, tiles)
            try out.file(EvidenceFormat.proof(sequence), proof.bytes)
            if recorded.isEmpty {
                recorded = try archive.entries(of: session, from: sequence, limit: Self.page).reversed()
            }
            // Of an erased session there is nothing any more.
            if let kept = recorded.popLast() {
                guard kept.leaf == entry.bytes else {
                    throw LedgerProblem(
                        .recording, "holds another entry than the tree", index: entry.index, session: session)
                }
                try content(of: kept, entry.leaf, sequence, out)
            }
            guard let next = try entries.next() else { break }
            entry = next
            sequence += 1
        }
        try write([UInt8](repeating: 0, count: 2 * EvidenceTar.block))
    }

    private func content(of entry: ArchivedEntry, _ leaf: Leaf, _ sequence: UInt64, _ out: Output) throws {
        for (item, (content, commitment)) in zip(entry.content, leaf.commitments).enumerated() {
            let name = EvidenceFormat.content(sequence, item: item, commitment.kind)
            guard content.kind == .answer || content.kind == .input else {
                try out.file(name, content.salt + content.bytes)
                continue
            }
            // What a session's end cut off belongs to exchanges that its closing entry does not name.
            guard let session = leaf.session, let exchange = leaf.exchange else { continue }
            let size = UInt64(Commitment.saltLength) + (commitment.kept ?? commitment.size)
            try out.file(name, size: size) { put in
                try put(content.salt)
                try archive.chunks(of: session, exchange: exchange, content.kind == .answer ? .answer : .input) {
                    try put($0)
                    return true
                }
            }
        }
    }

    /// Files within the bundle's folder.
    private struct Output {
        let folder: String
        let write: ([UInt8]) throws -> Void

        func file(_ name: String, _ bytes: [UInt8]) throws {
            try file(name, size: UInt64(bytes.count)) { try $0(bytes) }
        }

        /// `body` must give exactly `size` bytes.
        func file(_ name: String, size: UInt64, _ body: (([UInt8]) throws -> Void) throws -> Void) throws {
            guard let header = EvidenceTar.header(folder + name, size: size) else {
                throw LedgerProblem(.bundle, "does not fit into a bundle", file: name)
            }
            try write(header)
            var given: UInt64 = 0
            try body { bytes in
                given += UInt64(bytes.count)
                guard given <= size else {
                    throw LedgerProblem(.recording, "is longer than its entry says", file: name)
                }
                try write(bytes)
            }
            guard given == size else { throw LedgerProblem(.recording, "is shorter than its entry says", file: name) }
            try write([UInt8](repeating: 0, count: EvidenceTar.padding(size)))
        }
    }
}
