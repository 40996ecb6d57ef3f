import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Testing

/// Whatever fails and wherever it ends: what was published stays true, and nothing acknowledged is missing from the tree.
@Suite struct LedgerCrashTests {
    private static let options = eagerLedger(given: 4)

    private struct Run {
        let watcher = Watcher()
        /// Entries of which the store said that they are durable.
        var acknowledged = 0
        var isComplete = false
        var admissionProblem: GatewayError?
    }

    /// Entries in and out of checkpoints, over some segments and the end of a tile, then a restart; stops at the first
    /// error.
    private func work(_ disk: SimulatedStorage) async -> Run {
        var run = Run()
        for round in 0..<2 {
            guard let store = try? openLedger(disk, Self.options, segmentSize: 8192) else { return run }
            run.watcher.watch(store.ledger)
            do {
                for number in 0..<6 {
                    let position = try await store.appendSystemDurably(EntryDraft(.gatewayStarted))
                    run.acknowledged += 1
                    if number % 3 == 2 { try await store.ledger?.published(through: position) }
                }
            } catch {
                // A keeper that failed has stopped the store.
                run.admissionProblem = store.admissionProblem
            }
            store.close()
            if run.admissionProblem != nil { return run }
            run.isComplete = round == 1
        }
        return run
    }

    /// A log of 250 entries to start from: the work goes past the end of its first tile.
    private func prepared() async throws -> SimulatedStorage { try await ledgerDisk(entries: 250, Self.options) }

    private func check(_ run: Run, _ disk: SimulatedStorage, _ what: String) async throws {
        let key = try NoteVerifierKey(
            name: Self.origin, algorithm: .ed25519, publicKey: try #require(Self.options.givenKey).publicKey)
        // What is published is whole before anything is repaired.
        let found = try checkPublished(on: disk, by: key, what)
        #expect(found != nil, "\(what)")
        let store = try openLedger(disk, Self.options)
        let published = try await #require(store.ledger).published(through: store.progress.synced)
        store.close()
        #expect(published.head.size >= 250 + UInt64(run.acknowledged), "\(what)")
        #expect(try checkPublished(on: disk, by: key, what)?.size == published.head.size)
        // Every checkpoint that anyone may have seen is a start of the tree that stands now.
        let hashes = try leaves(of: disk).map { MerkleTree.leafHash($0) }
        for head in try run.watcher.heads {
            #expect(MerkleTree.root(of: hashes.prefix(Int(head.size))) == head.root, "\(what): \(head.size)")
        }
    }

    private static let origin = LogOrigin.make(
        name: "gw-1.example.com", key: (eagerLedger(given: 4).givenKey ?? .init()).publicKey)

    private func calls(_ start: SimulatedStorage) async -> Int {
        let dry = start.copied()
        let run = await work(dry)
        #expect(run.isComplete)
        return dry.calls
    }

    @Test func aPowerLossAtEveryStorageCall() async throws {
        let start = try await prepared()
        for at in 1...(await calls(start)) {
            let disk = start.copied(fault: .init(at: at, number: 5, isCrash: true))
            let run = await work(disk)
            try await check(run, disk.rebooted(), "power lost at call \(at)")
        }
    }

    @Test func aKillAtEveryStorageCall() async throws {
        let start = try await prepared()
        for at in 1...(await calls(start)) {
            let disk = start.copied(fault: .init(at: at, number: 5, isCrash: true))
            let run = await work(disk)
            try await check(run, disk.copied(), "killed at call \(at)")
        }
    }

    @Test(arguments: [Int32(5), 28]) func aFailureOfEveryStorageCall(_ number: Int32) async throws {
        let start = try await prepared()
        var stopped = 0
        for at in 1...(await calls(start)) {
            let disk = start.copied(fault: .init(at: at, number: number, isCrash: false))
            let run = await work(disk)
            if run.admissionProblem != nil { stopped += 1 }
            try await check(run, disk.rebooted(), "call \(at) failed with \(number)")
        }
        // Most calls are the running keeper's and the log's: their failure must have stopped the store.
        #expect(stopped > 20, "only \(stopped) failures stopped the store")
    }

    @Test func unsyncedSectorsThatSurviveAtRandom() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed", seed)
        var random = Seeded(state: seed)
        let start = try await prepared()
        let most = await calls(start)
        for _ in 0..<40 {
            let at = Int.random(in: 1...most, using: &random)
            let disk = start.copied(fault: .init(at: at, number: 5, isCrash: true))
            let run = await work(disk)
            let rebooted = disk.rebooted { Bool.random(using: &random) }
            try await check(run, rebooted, "seed \(seed), power lost at call \(at)")
        }
    }

    /// Each kind of call that the keeper makes, while sessions run.
    @Test(arguments: [
        (SimulatedStorage.Call.rename, "ledger/checkpoint.new"), (.rename, "signer/state.new"),
        (.sync, "signer/state.new"), (.sync, "ledger/checkpoint.new"), (.sync, "ledger/tile/0/000.p/"),
        (.write, "ledger/tile/entries/"), (.syncDirectory, "ledger/tile/0/000.p"), (.syncDirectory, "signer"),
        (.makeDirectory, "ledger/tile/entries/000.p"), (.create, "ledger/tile/"), (.remove, "ledger/tile/"),
    ]) func aKeeperThatCannotWriteStopsTheStore(_ call: SimulatedStorage.Call, _ path: String) async throws {
        let new = SimulatedStorage()
        try openLedger(new, Self.options).close()
        let disk = new.copied(fault: .init(at: 1, call: call, path: path, number: 5, isCrash: false))
        let store = try openLedger(disk, Self.options)
        await #expect(throws: GatewayError.self) {
            for _ in 0..<10 {
                let position = try await store.appendSystemDurably(EntryDraft(.gatewayStarted))
                try await store.ledger?.published(through: position)
            }
        }
        #expect(store.ledger?.failure != nil)
        #expect(store.failure != nil)
        let problem = try #require(store.admissionProblem)
        #expect(problem.code == .ledgerFailed)
        #expect(problem.message.contains("start the gateway again"))
        #expect(throws: GatewayError.self) { try store.appendSystem(EntryDraft(.gatewayStarted)) }
        store.close()
    }
}
