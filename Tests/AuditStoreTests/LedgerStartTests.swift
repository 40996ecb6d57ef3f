import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Testing

/// Attacks and accidents that a start must refuse, each with words that say what and what to do.
@Suite struct LedgerStartTests {
    private func refuses(
        _ disk: SimulatedStorage, _ options: LedgerOptions = eagerLedger(), code: GatewayError.Code = .ledgerRefused,
        saying words: String..., location: SourceLocation = #_sourceLocation
    ) {
        let before = Dictionary(uniqueKeysWithValues: disk.paths.map { ($0, disk.bytes(of: $0)) })
        let error = #expect(throws: GatewayError.self, sourceLocation: location) { try openLedger(disk, options) }
        #expect(error?.code == code, "\(error?.message ?? "")", sourceLocation: location)
        for word in words {
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")", sourceLocation: location)
        }
        for path in disk.paths where path.hasPrefix("ledger") || path.hasPrefix("signer") {
            #expect(disk.bytes(of: path) == before[path], "\(path) was changed", sourceLocation: location)
        }
    }

    /// Takes all files under `prefix` from another disk.
    private func take(_ prefix: String, from other: SimulatedStorage, to disk: SimulatedStorage) throws {
        for path in disk.paths where path.hasPrefix(prefix) { try disk.remove(path) }
        for path in other.paths where path.hasPrefix(prefix) {
            let folders = path.split(separator: "/").dropLast()
            for count in 1...max(folders.count, 1) where count <= folders.count {
                try disk.makeDirectory(folders.prefix(count).joined(separator: "/"))
            }
            try disk.open(path, create: true).write(other.bytes(of: path) ?? [], at: 0)
        }
    }

    @Test func aLogCutToLessThanWasSigned() async throws {
        let old = try await ledgerDisk(entries: 20)
        let new = try await ledgerDisk(entries: 20, on: old.copied())
        try take("wal/", from: old, to: new)
        refuses(new, saying: "20 entries", "40 were signed", "audit new-log")
    }

    @Test func aLogEmptied() async throws {
        let disk = try await ledgerDisk(entries: 5)
        for path in disk.paths where path.hasPrefix("wal/") { try disk.remove(path) }
        refuses(disk, saying: "0 entries", "5 were signed")
    }

    @Test func aLogExchangedForAnotherOfTheSameLength() async throws {
        let options = eagerLedger(given: 5)
        let (one, other) = (try await ledgerDisk(entries: 9, options), try await ledgerDisk(entries: 9, options))
        try take("wal/", from: other, to: one)
        refuses(one, options, saying: "signed")
    }

    @Test func aTileMissing() async throws {
        let disk = try await ledgerDisk(entries: 300)
        for path in ["ledger/tile/0/001.p/44", "ledger/tile/1/000.p/1", "ledger/tile/entries/001.p/44"] {
            let damaged = disk.copied()
            try damaged.remove(path)
            refuses(damaged, code: .ledgerCorrupt, saying: path, "missing", "audit new-log")
        }
    }

    @Test func aTileOrBundleThatDoesNotHashToTheSignedRoot() async throws {
        let disk = try await ledgerDisk(entries: 300)
        for path in ["ledger/tile/0/001.p/44", "ledger/tile/1/000.p/1", "ledger/tile/entries/001.p/44"] {
            for byte in [0, 31, 32] {
                let damaged = disk.copied()
                var wasFlipped = false
                damaged.edit(path) { bytes in
                    guard byte < bytes.count else { return }
                    bytes[byte] ^= 1
                    wasFlipped = true
                }
                if !wasFlipped { continue }
                let error = #expect(throws: GatewayError.self) { try openLedger(damaged) }
                #expect(error?.message.contains(path) == true, "\(error?.message ?? "")")
            }
        }
    }

    @Test func aStateMissingWhileACheckpointIsPublished() async throws {
        let disk = try await ledgerDisk(entries: 5)
        try disk.remove("signer/state")
        refuses(disk, saying: "signer/state is missing")
    }

    @Test func aKeyMissing() async throws {
        let disk = try await ledgerDisk(entries: 5)
        try disk.remove("signer/key")
        refuses(disk, saying: "signer/key is missing")
    }

    @Test func theSignerMissingWhileTheTreeIsThere() async throws {
        let disk = try await ledgerDisk(entries: 5)
        for path in ["signer/key", "signer/state", "signer"] { try disk.remove(path) }
        refuses(disk, saying: "signer is missing")
        try disk.remove("ledger/checkpoint")
        refuses(disk, saying: "signer is missing")
    }

    @Test func theTreeMissingWhileTheSignerIsThere() async throws {
        let disk = try await ledgerDisk(entries: 5)
        for path in disk.paths where path.hasPrefix("ledger/") { try disk.remove(path) }
        refuses(disk, code: .ledgerCorrupt, saying: "ledger/tile/0/000.p/5 is missing")
    }

    @Test func aCheckpointNewerThanTheState() async throws {
        let old = try await ledgerDisk(entries: 5)
        let new = try await ledgerDisk(entries: 5, on: old.copied())
        try take("signer/state", from: old, to: new)
        // The narrower tile of the older state may still be derived from the wider one.
        refuses(new, saying: "covers 10 entries", "only 5", "older copy")
    }

    @Test func aCheckpointSignedByAnotherKey() async throws {
        let disk = try await ledgerDisk(entries: 5)
        let key = try verifierKey(on: disk)
        let head = try #require(try publishedHead(on: disk, by: key))
        let stranger = try NoteSigner(name: key.name, privateKey: .init())
        let note = try stranger.note(Checkpoint(origin: key.name, head: head).text)
        disk.edit("ledger/checkpoint") { $0 = note.bytes }
        refuses(disk, saying: "not signed by this log's key")
    }

    @Test func aForkOfTheTreeUnderTheSameKey() async throws {
        let options = eagerLedger(given: 6)
        let (one, other) = (try await ledgerDisk(entries: 9, options), try await ledgerDisk(entries: 7, options))
        try take("ledger/checkpoint", from: other, to: one)
        refuses(one, options, saying: "does not continue the signed one of 7")
    }

    @Test func aStateWhosePlaceInTheLogWasChanged() async throws {
        let disk = try await ledgerDisk(entries: 5)
        let text = String(decoding: try #require(disk.bytes(of: "signer/state")), as: UTF8.self)
        for (name, change) in [("position", -1), ("position", 1), ("first_leaf", 1), ("segment", 7)] {
            let match = try #require(text.firstMatch(of: try Regex("\(name) ([0-9]+)")))
            let number = try #require(Int(match.output[1].substring ?? ""))
            let damaged = disk.copied()
            damaged.edit("signer/state") {
                $0 = Array(text.replacing("\(name) \(number)", with: "\(name) \(number + change)").utf8)
            }
            #expect(throws: GatewayError.self, "\(name) \(change)") { try openLedger(damaged) }
        }
    }

    @Test func aStateThatIsDamaged() async throws {
        let disk = try await ledgerDisk(entries: 5)
        let state = try #require(disk.bytes(of: "signer/state"))
        for byte in state.indices {
            let damaged = disk.copied()
            damaged.edit("signer/state") { $0[byte] ^= 1 }
            #expect(throws: GatewayError.self, "byte \(byte)") { try openLedger(damaged) }
        }
        for length in state.indices {
            let cut = disk.copied()
            cut.edit("signer/state") { $0.removeLast(state.count - length) }
            #expect(throws: GatewayError.self, "\(length) bytes") { try openLedger(cut) }
        }
    }

    @Test func anOriginThatWasRenamed() async throws {
        let disk = try await ledgerDisk(entries: 5)
        refuses(disk, eagerLedger(name: "gw-2.example.com"), saying: "gw-1.example.com/log-", "ledger.origin", "gw-2")
        let store = try openLedger(disk, eagerLedger(name: nil))
        #expect(store.ledger?.origin.hasPrefix("gw-1.example.com/log-") == true)
        store.close()
    }

    @Test func anotherKeyGiven() async throws {
        let disk = try await ledgerDisk(entries: 5, eagerLedger(given: 1))
        refuses(disk, eagerLedger(given: 2), saying: "is not signed by this log's key")
    }

    /// A command on the folder, without the gateway: it appends to the log, and the gateway covers that. What was signed is
    /// held against the log even so.
    @Test func aStoreThatDoesNotSignChecksAndLeavesTheLedgerAsItIs() async throws {
        let disk = try await ledgerDisk(entries: 5)
        var options = eagerLedger()
        options.signs = false
        func files(_ disk: SimulatedStorage) -> [String: [UInt8]?] {
            let paths = disk.paths.filter { $0.hasPrefix("ledger/") || $0.hasPrefix("signer/") }
            return Dictionary(uniqueKeysWithValues: paths.map { ($0, disk.bytes(of: $0)) })
        }
        let before = files(disk)
        let store = try openLedger(disk, options)
        #expect(store.ledger == nil)
        for _ in 0..<30 { try await store.durable(store.appendSystem(EntryDraft(.gatewayAlive))) }
        store.close()
        #expect(files(disk) == before)
        let after = try await ledgerDisk(entries: 1, on: disk)
        #expect(try checkPublished(on: after, by: verifierKey(on: after))?.size == 36)

        let other = try await ledgerDisk(entries: 5)
        try take("wal/", from: other, to: disk)
        let error = #expect(throws: GatewayError.self) { try openLedger(disk, options) }
        #expect(error?.code == .ledgerRefused)
        // Nothing begins here either.
        let fresh = SimulatedStorage()
        try openLedger(fresh, options).close()
        #expect(files(fresh).isEmpty)
    }

    @Test func tilesBeyondTheSignedSizeAreWrittenAgain() async throws {
        let old = try await ledgerDisk(entries: 250)
        let new = try await ledgerDisk(entries: 30, on: old.copied())
        // Torn at every place: the crash came before the state was synced.
        try take("signer/state", from: old, to: new)
        try take("ledger/checkpoint", from: old, to: new)
        for path in ["ledger/tile/0/000", "ledger/tile/0/001.p/24", "ledger/tile/1/000.p/1", "ledger/tile/entries/000"]
        {
            let torn = new.copied()
            try take("ledger/tile/0/000.p", from: old, to: torn)
            try take("ledger/tile/entries/000.p", from: old, to: torn)
            torn.edit(path) { for index in 0..<$0.count / 2 { $0[index] = 0 } }
            torn.edit(path) { $0 += [1, 2, 3] }
            let store = try openLedger(torn)
            let published = try await #require(store.ledger).published(size: 280)
            store.close()
            #expect(try checkPublished(on: torn, by: verifierKey(on: torn)) == published.head)
        }
    }
}
