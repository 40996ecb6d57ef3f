import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Testing

/// A data folder with sessions in it, and the ledger over all its entries; nobody has it open.
struct RecordedLedger {
    let folder: Folder
    let storage: PosixStorage
    var ledger: TestLedger
    /// One that closed: 12 entries with texts, answers in many chunks, one recorded in part, an error.
    let closed: RecordID
    /// One that was still open.
    let open: RecordID

    init() async throws {
        folder = try Folder()
        storage = PosixStorage(root: folder.path)
        let store = try openStore(folder)
        let first = newContext("anna")
        let second = newContext("boris")
        (closed, open) = (first.session, second.session)
        let one = try store.makeRecorder(first)
        let two = try store.makeRecorder(second)
        try one.append(EntryDraft(.sessionOpen))
        try two.append(EntryDraft(.sessionOpen))
        for number in UInt64(1)...4 {
            try one.command(number, "SELECT \(number) FROM orders")
            try two.command(number, "SELECT two \(number)")
            for part in 0..<30 { try one.answer(number, [UInt8](repeating: UInt8(part), count: 5000)) }
            if number == 3 { try one.answer(number, [1, 2, 3], retained: false) }
            try two.answer(number, [7])
            try one.outcome(number, number == 4 ? .error : .success)
            try two.outcome(number)
        }
        try one.append(EntryDraft(EntryType(rawValue: "notice")))
        _ = try one.close()
        try await store.durable(two.append(EntryDraft(EntryType(rawValue: "notice"))))
        _ = try await store.archive?.caughtUp()
        // As a crash leaves it: a closed store has closed its sessions.
        store.close()
        ledger = try TestLedger(storage)
        try LogCheck.run(storage) { leaf, _ in try ledger.append(leaf) }
        try ledger.publish()
    }

    func archive() throws -> AuditArchive { try AuditArchive.open(directory: folder.path, vaultKey: vaultKey) }

    func check() throws -> LedgerCheck {
        var check = ledger.check
        check.hasLog = true
        check.archive = try archive()
        return check
    }

    /// The evidence of a session, as a file's bytes.
    func evidence(_ session: RecordID) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try EvidenceWriter(archive: archive(), ledger: LedgerFolder(storage: storage), key: ledger.key)
            .write(session) { bytes += $0 }
        return bytes
    }
}

/// Bytes as a file of a disk in memory.
func file(_ bytes: [UInt8]) throws -> any LogFile {
    let file = try SimulatedStorage().open("file", create: true)
    try file.write(bytes, at: 0)
    return file
}
