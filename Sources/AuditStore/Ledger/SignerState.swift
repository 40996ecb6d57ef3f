import AuditLedger
import GatewayCore

/// What was last signed, and where in the log that was; `signer/state`, kept apart from log and tree.
///
/// Text: a title, three lines of a name and a number, an empty line, then the signed note as it was published or is about
/// to be.
struct SignerState: Sendable, Equatable {
    static let path = "signer/state"
    private static let title = "sallyport ledger state v1"
    private static let limit = 64 << 10

    var note: SignedNote
    var head: TreeHead
    /// The log's index of the tree's first leaf; 0 but in a log started anew.
    var firstLeaf: UInt64
    /// Where in the log the tree's last leaf was read, or further: no leaf lies between.
    var position: UInt64
    /// The segment that holds this position.
    var segment: UInt64

    var bytes: [UInt8] {
        Array("\(Self.title)\nfirst_leaf \(firstLeaf)\nposition \(position)\nsegment \(segment)\n\n".utf8) + note.bytes
    }

    /// Nil when there is none. Errors: `ledger_corrupt` when it is none that `key` signed.
    static func load(_ storage: any LogStorage, key: NoteVerifierKey) throws(GatewayError) -> SignerState? {
        let bytes: [UInt8]?
        do throws(StorageFailure) {
            bytes = try storage.contents(of: path, limit: limit)
        } catch {
            throw .ledgerFailure(error)
        }
        guard let bytes else { return nil }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 5, omittingEmptySubsequences: false)
        guard lines.count == 6, lines[0].elementsEqual(title.utf8), lines[4].isEmpty,
            let firstLeaf = number("first_leaf", lines[1]), let position = number("position", lines[2]),
            let segment = number("segment", lines[3])
        else { throw .ledgerDamage(path, "not a state of this version") }
        let (note, head) = try SignedHead.read(Array(lines[5]), by: key, at: path)
        return SignerState(note: note, head: head, firstLeaf: firstLeaf, position: position, segment: segment)
    }

    /// What a state of some log says that it signed, unverified; nil when it cannot be read.
    static func peek(_ storage: any LogStorage, folder: String) -> Checkpoint? {
        guard let bytes = try? storage.contents(of: folder + "/state", limit: limit) else { return nil }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 5, omittingEmptySubsequences: false)
        guard lines.count == 6, let note = try? SignedNote(Array(lines[5])) else { return nil }
        return try? Checkpoint(text: note.text)
    }

    func replace(in storage: any LogStorage) throws(StorageFailure) {
        try storage.replace(Self.path, with: bytes)
    }

    private static func number(_ name: String, _ line: ArraySlice<UInt8>) -> UInt64? {
        let start = name + " "
        guard line.starts(with: start.utf8),
            let value = UInt64(String(decoding: line.dropFirst(start.utf8.count), as: UTF8.self)),
            value <= TreeHead.maximumSize
        else { return nil }
        return value
    }
}

/// Reads a checkpoint of our own.
enum SignedHead {
    /// Errors: `ledger_corrupt` naming `path` when it is no checkpoint of this log's signed by this key.
    static func read(_ bytes: [UInt8], by key: NoteVerifierKey, at path: String) throws(GatewayError) -> (
        note: SignedNote, head: TreeHead
    ) {
        do {
            let note = try SignedNote(bytes)
            let checkpoint = try Checkpoint(text: note.text)
            _ = try note.verify([key])
            guard checkpoint.hasOrigin(key.name) else { throw LedgerFormatError("checkpoint", "of another log") }
            return (note, checkpoint.head)
        } catch let error as LedgerFormatError {
            throw .ledgerDamage(path, error.reason)
        } catch {
            throw .ledgerRefusal("The checkpoint \(path) is not signed by this log's key (\(key.name)).")
        }
    }
}
