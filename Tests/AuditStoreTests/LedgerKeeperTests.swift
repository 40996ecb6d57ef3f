import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Synchronization
import Testing

@Suite struct LedgerKeeperTests {
    @Test func everyEntryIsInThePublishedTree() async throws {
        let disk = SimulatedStorage()
        let store = try openLedger(disk)
        let ledger = try #require(store.ledger)
        let recorder = try store.makeRecorder(newContext())
        var position = LogPosition.start
        for number in 1...700 {
            position = try recorder.command(UInt64(number), "SELECT \(number)")
            // Now and then, so that there are partial tiles of many widths.
            if number % 13 == 0 { try await store.durable(position) }
        }
        store.requestSync()
        let published = try await ledger.published(through: position)
        #expect(published.head.size == 700)
        store.close()
        let key = ledger.verifierKey
        #expect(try verifierKey(on: disk) == key)
        #expect(try checkPublished(on: disk.rebooted(), by: key) == published.head)
        // Of the partial tiles only the published tree's are left.
        let partial = disk.paths.filter { $0.hasPrefix("ledger/tile") && $0.contains(".p/") }
        #expect(partial == ["ledger/tile/0/002.p/188", "ledger/tile/1/000.p/2", "ledger/tile/entries/002.p/188"])
    }

    @Test func aRestartGoesOnWithTheSameTreeAndKey() async throws {
        var disk = SimulatedStorage()
        var key: NoteVerifierKey?
        var sizes: [UInt64] = []
        for entries in [1, 254, 1, 1, 256, 3] {
            disk = try await ledgerDisk(entries: entries, on: disk)
            let now = try verifierKey(on: disk)
            #expect(key == nil || key == now)
            key = now
            sizes.append(try #require(try checkPublished(on: disk, by: now)).size)
        }
        #expect(sizes == [1, 255, 256, 257, 513, 516])
    }

    @Test func aLogThatWasWrittenWithoutALedgerIsCaughtUp() async throws {
        let disk = SimulatedStorage()
        let store = try openStore(Folder(), disk, segmentSize: 4096, keepsIndex: false)
        for _ in 0..<40 { try await store.appendSystemDurably(EntryDraft(.gatewayStarted)) }
        store.close()
        let later = try await ledgerDisk(entries: 1, on: disk)
        #expect(try checkPublished(on: later, by: verifierKey(on: later))?.size == 41)
    }

    @Test func theOriginIsMadeWithTheKey() async throws {
        var origins: Set<String> = []
        for _ in 0..<4 {
            let key = try verifierKey(on: try await ledgerDisk(entries: 1))
            #expect(key.name.wholeMatch(of: /gw-1\.example\.com\/log-[0-9a-f]{8}/) != nil)
            origins.insert(key.name)
        }
        #expect(origins.count == 4)
        let unnamed = try verifierKey(on: try await ledgerDisk(entries: 1, eagerLedger(name: nil)))
        #expect(unnamed.name.hasPrefix("sallyport/log-"))
    }

    @Test func theKeyAtRestIsSealed() async throws {
        let disk = try await ledgerDisk(entries: 1)
        let store = try openLedger(disk)
        store.close()
        for byte in try #require(disk.bytes(of: "signer/key")).indices {
            let damaged = disk.copied()
            damaged.edit("signer/key") { $0[byte] ^= 1 }
            #expect(throws: GatewayError.self, "byte \(byte)") { try openLedger(damaged) }
        }
        var other = eagerLedger()
        other.sealingKey = SymmetricKey(size: .bits256)
        let error = #expect(throws: GatewayError.self) { try openLedger(disk, other) }
        #expect(error?.code == .wrongVaultKey)
    }

    @Test func aGivenKeyIsUsedAndNotStored() async throws {
        let options = eagerLedger(given: 3)
        let disk = try await ledgerDisk(entries: 3, options)
        #expect(disk.bytes(of: "signer/key") == nil)
        let again = try await ledgerDisk(entries: 2, options, on: disk)
        let store = try openLedger(again, options)
        let key = try #require(store.ledger).verifierKey
        store.close()
        #expect(try checkPublished(on: again, by: key)?.size == 5)
        #expect(key.publicKey == Array(try #require(options.givenKey).publicKey.rawRepresentation))
        let raw = Data(repeating: 3, count: 32)
        for path in again.paths { #expect(Data(again.bytes(of: path) ?? []).range(of: raw) == nil, "\(path)") }
    }

    @Test func anEntryIsCoveredWithinASecond() async throws {
        var options = eagerLedger()
        options.interval = LedgerOptions(sealingKey: options.sealingKey).interval
        let store = try openLedger(SimulatedStorage(), options)
        defer { store.close() }
        for _ in 0..<4 {
            let position = try await store.appendSystemDurably(EntryDraft(.gatewayStarted))
            let begin = ContinuousClock.now
            try await store.ledger?.published(through: position)
            #expect(ContinuousClock.now - begin < .seconds(1))
        }
    }

    @Test func checkpointsAreNotMoreFrequentThanTheInterval() async throws {
        var options = eagerLedger()
        options.interval = .milliseconds(50)
        let store = try openLedger(SimulatedStorage(), options)
        let watcher = Watcher()
        watcher.watch(store.ledger)
        let begin = ContinuousClock.now
        var position = LogPosition.start
        for _ in 0..<300 { position = try await store.appendSystemDurably(EntryDraft(.gatewayStarted)) }
        try await store.ledger?.published(through: position)
        let most = (ContinuousClock.now - begin) / .milliseconds(50) + 2
        store.close()
        #expect(Double(try watcher.heads.count) <= most)
    }

    @Test func anIdleGatewayWritesAnEntrySoThatACutTailShows() async throws {
        var options = eagerLedger()
        options.idleInterval = .milliseconds(20)
        let disk = SimulatedStorage()
        let store = try openLedger(disk, options)
        try await store.ledger?.published(size: 3)
        store.close()
        let types = try leaves(of: disk).prefix(3).map { try Leaf($0).type }
        #expect(types == [.gatewayAlive, .gatewayAlive, .gatewayAlive])
    }

    @Test func theFullCheckOfTheStartStopsTheRecording() async throws {
        var options = eagerLedger()
        let seen = Mutex<UInt64?>(nil)
        options.check = { folder, head in
            seen.withLock { $0 = head.size }
            throw GatewayError(.ledgerCorrupt, "entry 2 is another")
        }
        let store = try openLedger(try await ledgerDisk(entries: 4), options)
        defer { store.close() }
        await #expect(throws: GatewayError.self) { try await store.ledger?.published(size: 100) }
        #expect(seen.withLock { $0 } == 4)
        #expect(store.admissionProblem?.message == "entry 2 is another")
        #expect(throws: GatewayError.self) { try store.appendSystem(EntryDraft(.gatewayStarted)) }
    }

    // MARK: Publishing

    /// Holds every checkpoint back.
    private final class Holder: CheckpointPublisher {
        let held = Mutex<[SignedNote]>([])
        let refusal: GatewayError?
        let problem: GatewayError?

        init(refusal: GatewayError? = nil, problem: GatewayError? = nil) {
            self.refusal = refusal
            self.problem = problem
        }

        func begin(_ ledger: LedgerKeeper) throws(GatewayError) { if let refusal { throw refusal } }
        func publishable(_ note: SignedNote, head: TreeHead) -> SignedNote? {
            held.withLock { $0.append(note) }
            return nil
        }
    }

    @Test func whatIsHeldBackIsPublishedLaterAndNeverBackwards() async throws {
        let holder = Holder()
        var options = eagerLedger()
        options.publisher = holder
        let disk = SimulatedStorage()
        let store = try openLedger(disk, options)
        let ledger = try #require(store.ledger)
        for size in 1...300 {
            try await store.appendSystemDurably(EntryDraft(.gatewayStarted))
            while ledger.head.size < size { await Task.yield() }
        }
        #expect(disk.bytes(of: "ledger/checkpoint") == nil)
        let notes = holder.held.withLock { $0 }
        let key = ledger.verifierKey
        let witness = try Cosigner(name: "w", privateKey: .init())
        var last: UInt64 = 0
        for note in [notes[0], notes[100], notes[50], notes[257], notes[299]] {
            let cosigned = try note.adding(
                lines: witness.sign(note.text, time: 1).line, by: [witness.verifierKey])
            try ledger.publish(cosigned)
            let head = try #require(try checkPublished(on: disk, by: key))
            #expect(head.size >= last)
            last = head.size
            if try Checkpoint(text: note.text).head == head {
                #expect(disk.bytes(of: "ledger/checkpoint") == cosigned.bytes)
            }
        }
        #expect(last == 300)
        store.close()
        // Every partial tile that is left is one of the published tree's.
        let partial = disk.paths.filter { $0.hasPrefix("ledger/tile") && $0.contains(".p/") }
        #expect(partial == ["ledger/tile/0/001.p/44", "ledger/tile/1/000.p/1", "ledger/tile/entries/001.p/44"])
        // What another key signed, or this one never, is not published.
        let stranger = try NoteSigner(name: key.name, privateKey: .init())
        let checkpoint = try Checkpoint(origin: key.name, head: TreeHead(size: 400, root: MerkleTree.emptyRoot))
        #expect(throws: GatewayError.self) { try ledger.publish(try stranger.note(checkpoint.text)) }
    }

    @Test func aCheckpointHeldBackWhenTheGatewayStoppedIsOfferedAgain() async throws {
        let holder = Holder()
        var options = eagerLedger()
        options.publisher = holder
        let disk = try await {
            let disk = SimulatedStorage()
            let store = try openLedger(disk, options)
            try await store.appendSystemDurably(EntryDraft(.gatewayStarted))
            store.close()
            return disk.rebooted()
        }()
        #expect(disk.bytes(of: "ledger/checkpoint") == nil)
        let store = try openLedger(disk)
        try await store.ledger?.published(size: 1)
        store.close()
        #expect(try checkPublished(on: disk, by: verifierKey(on: disk))?.size == 1)
    }

    @Test func aPublisherCanRefuseTheStartAndNewSessions() async throws {
        let disk = try await ledgerDisk(entries: 2)
        var options = eagerLedger()
        options.publisher = Holder(refusal: GatewayError(.ledgerRefused, "a witness has seen 7 entries"))
        let error = #expect(throws: GatewayError.self) { try openLedger(disk.copied(), options) }
        #expect(error?.message == "a witness has seen 7 entries")
        options.publisher = Holder(problem: GatewayError(.ledgerFailed, "too much is not witnessed"))
        let store = try openLedger(disk, options)
        defer { store.close() }
        #expect(store.admissionProblem?.message == "too much is not witnessed")
        // Open sessions go on.
        try await store.appendSystemDurably(EntryDraft(.gatewayStarted))
    }
}
