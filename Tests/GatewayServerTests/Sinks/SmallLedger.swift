import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Identity
import Testing

/// A store with a ledger that signs at once, on a simulated disk.
final class SmallLedger: Sendable {
    let disk: SimulatedStorage
    let store: AuditStore
    let ledger: LedgerKeeper

    init(entries: Int, on disk: SimulatedStorage = SimulatedStorage()) async throws {
        self.disk = disk
        var options = LedgerOptions(
            name: "gw.example", sealingKey: SymmetricKey(data: [UInt8](repeating: 9, count: 32)))
        options.interval = .zero
        store = try AuditStore.open(
            directory: "/simulated",
            options: StoreOptions(
                vaultKey: SymmetricKey(data: [UInt8](repeating: 7, count: 32)), ledger: options, segmentSize: 4096,
                watermark: 0, keepsIndex: false),
            storage: disk, now: Timestamp.wall)
        ledger = try #require(store.ledger)
        try await append(entries)
    }

    deinit {
        store.close()
    }

    /// Returns when they are signed.
    func append(_ entries: Int) async throws {
        var position = LogPosition.start
        for _ in 0..<entries { position = try store.appendSystem(EntryDraft(.gatewayStarted)) }
        try await store.durable(position)
        try await ledger.published(through: position)
    }

    var source: SinkSource { SinkSource(ledger, storage: disk) }
}
