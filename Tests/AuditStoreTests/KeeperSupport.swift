import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Synchronization
import Testing

/// A ledger that signs as soon as it can.
func eagerLedger(name: String? = "gw-1.example.com", given: UInt8? = nil) -> LedgerOptions {
    var options = LedgerOptions(
        name: name, sealingKey: SymmetricKey(data: [UInt8](repeating: 9, count: 32)),
        givenKey: given.flatMap { try? .init(rawRepresentation: [UInt8](repeating: $0, count: 32)) })
    options.interval = .zero
    return options
}

func openLedger(
    _ storage: SimulatedStorage, _ options: LedgerOptions = eagerLedger(), segmentSize: Int = 4096
) throws -> AuditStore {
    try openStore(Folder(), storage, segmentSize: segmentSize, keepsIndex: false, ledger: options)
}

/// A disk with a log of `entries` entries, all of them in its published tree. Given `subjects`, the entries differ.
func ledgerDisk(entries: Int, _ options: LedgerOptions = eagerLedger(), on disk: SimulatedStorage = SimulatedStorage())
    async throws -> SimulatedStorage
{
    let store = try openLedger(disk, options)
    var position = LogPosition.start
    for _ in 0..<entries { position = try store.appendSystem(EntryDraft(.gatewayStarted)) }
    try await store.durable(position)
    try await store.ledger?.published(through: position)
    store.close()
    return disk.rebooted()
}

/// The leaves of a log, in order.
func leaves(of disk: SimulatedStorage) throws -> [[UInt8]] {
    var leaves: [[UInt8]] = []
    try LogCheck.run(disk) { leaf, _ in leaves.append(leaf) }
    return leaves
}

/// The key that the signer's file states.
func verifierKey(on disk: SimulatedStorage) throws -> NoteVerifierKey {
    let file = try #require(disk.bytes(of: "signer/key"))
    let line = file.split(separator: 0x0A, omittingEmptySubsequences: false)[1]
    return try NoteVerifierKey(String(decoding: line, as: UTF8.self))
}

/// What is published, after its signature was checked; nil when nothing is.
func publishedHead(on disk: SimulatedStorage, by key: NoteVerifierKey) throws -> TreeHead? {
    guard let bytes = disk.bytes(of: "ledger/checkpoint") else { return nil }
    let note = try SignedNote(bytes)
    #expect(try note.verify([key]).count == 1)
    let checkpoint = try Checkpoint(text: note.text)
    #expect(checkpoint.origin == key.name)
    return checkpoint.head
}

/// Re-derives the published root from the bundles on disk, holds every tile against it and every entry against the log.
@discardableResult
func checkPublished(on disk: SimulatedStorage, by key: NoteVerifierKey, _ what: String = "") throws -> TreeHead? {
    guard let head = try publishedHead(on: disk, by: key) else { return nil }
    let folder = LedgerFolder(storage: disk)
    let shape = TreeShape(size: head.size)
    let log = try leaves(of: disk)
    #expect(log.count >= Int(head.size), "\(what)")
    var builder = TileBuilder()
    var written: [TileCoordinate: HashTile] = [:]
    for coordinate in shape.bundles(changedSince: 0) {
        let bundle = try folder.bundle(coordinate)
        #expect(bundle.width == coordinate.width)
        for entry in bundle.entries {
            #expect(Array(entry) == log[Int(builder.size)], "\(what): entry \(builder.size)")
            builder.append(MerkleTree.leafHash(entry))
        }
    }
    #expect(builder.head == head, "\(what)")
    for write in builder.takeWrites() { written[write.coordinate] = write.tile }
    for coordinate in shape.tiles {
        #expect(try folder.tile(coordinate) == written[coordinate], "\(what): \(coordinate)")
    }
    return head
}

/// Takes down every checkpoint that becomes public.
final class Watcher: Sendable {
    private let notes = Mutex<[SignedNote]>([])

    func watch(_ ledger: LedgerKeeper?) {
        if let known = ledger?.published { notes.withLock { $0.append(known.note) } }
        _ = ledger?.observe { [self] result in
            if case .success(let checkpoint) = result { notes.withLock { $0.append(checkpoint.note) } }
        }
    }

    var heads: [TreeHead] {
        get throws { try notes.withLock { $0 }.map { try Checkpoint(text: $0.text).head } }
    }
}
