import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Testing

/// A ledger written straight from leaves, without a store: `ledger/` within a storage.
struct TestLedger {
    static let origin = "test.example/1"

    let storage: any LogStorage
    let signer: NoteSigner
    private(set) var tree = TileBuilder()
    private var bundles = BundleBuilder()

    init(_ storage: any LogStorage, key: Curve25519.Signing.PrivateKey = Curve25519.Signing.PrivateKey()) throws {
        self.storage = storage
        signer = try NoteSigner(name: Self.origin, privateKey: key)
        for path in ["", "ledger", "ledger/tile"] { try storage.makeDirectory(path) }
    }

    var key: NoteVerifierKey { signer.verifierKey }

    mutating func append(_ leaf: [UInt8]) throws {
        tree.append(MerkleTree.leafHash(leaf))
        try bundles.append(leaf)
        // Full tiles are written as they come, so that a large ledger does not gather in memory.
        if tree.size & 0xFFFF == 0 { try write() }
    }

    mutating func write() throws {
        for write in tree.takeWrites() { try put(write.bytes, write.coordinate.path) }
        for write in bundles.takeWrites() { try put(write.bytes, write.coordinate.path) }
    }

    func note(signer other: NoteSigner? = nil) throws -> [UInt8] {
        try (other ?? signer).note(Checkpoint(origin: Self.origin, head: tree.head).text).bytes
    }

    /// Writes what is missing and signs it.
    mutating func publish() throws {
        try write()
        try put(note(), "checkpoint")
    }

    func put(_ bytes: [UInt8], _ name: String) throws {
        var path = "ledger"
        for part in name.split(separator: "/").dropLast() {
            path += "/" + part
            try storage.makeDirectory(path)
        }
        let file = try storage.open("ledger/" + name, create: true)
        try file.truncate(0)
        try file.write(bytes, at: 0)
    }

    func get(_ name: String) throws -> [UInt8] {
        let file = try storage.open("ledger/" + name, create: false)
        return try file.read(Int(file.size()), at: 0)
    }

    /// The names of all files, checkpoint and tiles.
    func files(_ folder: String = "") throws -> [String] {
        let names = try storage.list("ledger" + (folder.isEmpty ? "" : "/" + folder)).sorted()
        return try names.flatMap { name in
            let path = folder.isEmpty ? name : folder + "/" + name
            let isFolder = name == "tile" || folder == "tile" || name.hasPrefix("x") || name.hasSuffix(".p")
            return isFolder ? try files(path) : [path]
        }
    }

    var check: LedgerCheck { LedgerCheck(storage: storage, key: key) }
}

/// Leaves as sessions make them: each opens, has `commands` exchanges of two entries, closes; `open` run side by side.
struct LeafSource {
    private struct Session {
        var encoder: LeafEncoder
        var id: RecordID
        var next: UInt64 = 0
        var commands: Int
    }

    private var sessions: [Session] = []
    private let open: Int
    private let commands: Int
    private var time: Int64 = 1_700_000_000_000_000
    private var random: Seeded
    private var turn = 0

    init(seed: UInt64, open: Int = 4, commands: Int = 5) {
        self.open = open
        self.commands = commands
        random = Seeded(state: seed)
    }

    mutating func next() -> [UInt8] {
        time += 137
        if sessions.count < open { begin() }
        turn = (turn + 1) % sessions.count
        let sequence = sessions[turn].next
        sessions[turn].next += 1
        var draft: EntryDraft
        var commitments: [Commitment] = []
        switch sequence {
        case 0: draft = EntryDraft(.sessionOpen)
        case UInt64(2 * commands + 1):
            draft = EntryDraft(.sessionClose)
            draft.outcome = Outcome(kind: .success)
        case _ where sequence % 2 == 1:
            draft = EntryDraft(.commandAllowed, exchange: (sequence + 1) / 2)
            draft.classes = ["select"]
            draft.objects = ["public.orders", "public.customers"]
            draft.verdict = .allow
            draft.policy = "0123456789abcdef"
            commitments = [Commitment(kind: .text, digest: digest(), size: 120)]
        default:
            draft = EntryDraft(.commandOutcome, exchange: sequence / 2)
            draft.outcome = Outcome(kind: .success, rows: 3)
            draft.durationMicros = 812
            commitments = [Commitment(kind: .answer, digest: digest(), size: 4096)]
        }
        var out = CanonicalWriter()
        let now = Timestamp(microseconds: time)
        sessions[turn].encoder.encode(
            draft, sequence: sequence, id: RecordID(at: now, using: &random), time: now, commitments: commitments,
            into: &out)
        if draft.type == .sessionClose { sessions.remove(at: turn) }
        return out.bytes
    }

    private mutating func begin() {
        let id = RecordID(at: Timestamp(microseconds: time), using: &random)
        let who = Principal(
            issuer: "https://idp.example.com", subject: "anna", name: "Anna", groups: [], isPersonIssuer: false)
        let context = SessionContext(
            session: id, principal: who, agent: AgentContext(agent: "reporter", run: "run-1"), connection: "orders",
            kind: "postgres", clientAddress: "127.0.0.1:51234", database: "shop", role: "app")
        sessions.append(Session(encoder: LeafEncoder(context), id: id, commands: commands))
    }

    private mutating func digest() -> [UInt8] {
        (0..<4).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
    }
}
