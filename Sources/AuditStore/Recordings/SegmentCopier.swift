import AuditLedger
import Crypto
import GatewayCore

/// Copies one full segment of the log into the recordings of its sessions, in small steps; then syncs them.
///
/// Nothing is remembered outside: done again after a crash, each recording is first cut to where the index says that it
/// ends, and grows the same way.
struct SegmentCopier {
    /// One session's part of the segment.
    private enum Part {
        /// No sealed record yet that tells the key's slot: entries without content.
        case waiting([RecordingItem])
        case copying(Copy)
        /// The key was erased.
        case erased
    }

    struct Copy {
        var slot: UInt64
        var sealer: RecordingSealer
        /// Bytes of the file that stay.
        var kept: UInt64
        var isBegun = false
    }

    private enum Phase {
        case reading
        case resolving
        case syncing([RecordID])
        case folders
        case done
    }

    /// Bytes of the log read in one step, or files written and synced.
    private static let stepBytes: UInt64 = 2 << 20
    private static let stepFiles = 32
    /// Plain bytes held back for all sessions together: with more, chunks are closed early.
    private static let maximumBuffered = 16 << 20

    let number: UInt64
    private let storage: any LogStorage
    private var reader: SegmentReader
    private var leaf: UInt64
    private var parts: [RecordID: Part] = [:]
    private var buffered = 0
    private var phase = Phase.reading
    private var newFolders: Set<String> = []

    /// Where the segment ends, once it is read.
    var end: UInt64 { reader.position }

    init(_ reader: SegmentReader, storage: any LogStorage) {
        self.reader = reader
        self.storage = storage
        number = reader.number
        leaf = reader.firstLeaf
    }

    /// True when all is in recordings and synced. `known` is what the index says of a recording, `isErased` whether a session
    /// was erased.
    mutating func step(
        _ opener: inout RecordOpener, known: (RecordID) throws -> RecordingIndex.Row?,
        isErased: (RecordID) throws -> Bool
    ) throws -> Bool {
        switch phase {
        case .reading:
            let stop = reader.position + Self.stepBytes
            while reader.position < stop {
                guard let record = try reader.next() else {
                    phase = .resolving
                    break
                }
                try add(record, &opener, known)
            }
        case .resolving:
            try resolve(&opener, isErased)
            phase = .syncing(parts.keys.sorted())
        case .syncing(var rest):
            for session in rest.suffix(Self.stepFiles) { try finish(session) }
            rest.removeLast(min(rest.count, Self.stepFiles))
            phase = rest.isEmpty ? .folders : .syncing(rest)
        case .folders:
            // The files are synced: now their names, and the names of their folders.
            for folder in newFolders { try storage.syncDirectory(folder) }
            if !newFolders.isEmpty { try storage.syncDirectory("recordings") }
            phase = .done
        case .done: break
        }
        if case .done = phase { return true }
        return false
    }

    /// The recordings as they are now.
    var rows: [(session: RecordID, row: RecordingIndex.Row)] {
        parts.compactMap { session, part in
            guard case .copying(let copy) = part else { return nil }
            return (session, RecordingIndex.Row(slot: copy.slot, end: copy.sealer.end))
        }
    }

    /// Drops what is held of a session whose key is being erased.
    mutating func erase(_ session: RecordID) {
        parts[session] = .erased
    }

    private mutating func add(
        _ record: LogRecord, _ opener: inout RecordOpener, _ known: (RecordID) throws -> RecordingIndex.Row?
    ) throws {
        switch record.kind {
        case .mark: return
        case .leaf:
            guard let summary = record.payload.withUnsafeBytes({ LeafSummary($0) }) else {
                throw GatewayError(.logCorrupt, "The entry at position \(record.position) of the audit log is no leaf.")
            }
            let item = RecordingItem(kind: .leaf, leaf: leaf, position: record.position, payload: record.payload)
            leaf += 1
            try add(item, summary, of: summary.session, slot: nil, &opener, known)
        case .content, .chunk:
            guard let clear = record.payload.withUnsafeBytes({ SealedRecord.clear(of: $0) }) else {
                throw GatewayError(
                    .logCorrupt, "The record at position \(record.position) of the audit log is too short.")
            }
            guard let plain = try opener.open(record) else {
                parts[clear.session] = .erased
                return
            }
            let item = RecordingItem(
                kind: record.kind, direction: clear.direction, exchange: clear.exchange, position: record.position,
                payload: plain)
            try add(item, nil, of: clear.session, slot: clear.slot, &opener, known)
        }
    }

    private mutating func add(
        _ item: RecordingItem, _ summary: LeafSummary?, of session: RecordID, slot: UInt64?,
        _ opener: inout RecordOpener, _ known: (RecordID) throws -> RecordingIndex.Row?
    ) throws {
        var part = parts[session] ?? .waiting([])
        if parts[session] == nil, let row = try known(session) {
            part = try begin(session, slot: row.slot, after: row.end, &opener)
        }
        // Taken out of the dictionary, so that it is changed in its place.
        parts[session] = nil
        defer { parts[session] = part }
        if case .waiting(var items) = part {
            guard let slot else {
                items.append(item)
                part = .waiting(items)
                return
            }
            part = try begin(session, slot: slot, after: RecordingEnd(), &opener)
            try add(items, to: &part, of: session)
        }
        guard case .copying(var copy) = part else { return }
        part = .erased
        var out: [UInt8] = []
        let before = copy.sealer.buffered
        try copy.sealer.add(item, leaf: summary.map { ($0.sequence, $0.exchange ?? 0) }, to: &out)
        if summary?.type == .sessionClose { try copy.sealer.flush(isLast: true, to: &out) }
        buffered += copy.sealer.buffered - before
        try write(out, session, &copy)
        part = .copying(copy)
        if buffered > Self.maximumBuffered { try closeLargest() }
    }

    private func begin(
        _ session: RecordID, slot: UInt64, after end: RecordingEnd, _ opener: inout RecordOpener
    ) throws -> Part {
        guard let key = try opener.key(slot: slot, session: session) else { return .erased }
        let header = RecordingHeader(session: session, slot: slot)
        let sealer = RecordingSealer(header, sessionKey: key, segment: number, after: end)
        return .copying(Copy(slot: slot, sealer: sealer, kept: end.length))
    }

    /// Entries that waited for the slot of their session's key.
    private mutating func add(_ items: [RecordingItem], to part: inout Part, of session: RecordID) throws {
        guard case .copying(var copy) = part else { return }
        var out: [UInt8] = []
        for item in items {
            guard let summary = item.payload.withUnsafeBytes({ LeafSummary($0) }) else { continue }
            let before = copy.sealer.buffered
            try copy.sealer.add(item, leaf: (summary.sequence, summary.exchange ?? 0), to: &out)
            if summary.type == .sessionClose { try copy.sealer.flush(isLast: true, to: &out) }
            buffered += copy.sealer.buffered - before
        }
        try write(out, session, &copy)
        part = .copying(copy)
    }

    private mutating func closeLargest() throws {
        let average = buffered / max(parts.count, 1)
        for session in Array(parts.keys) {
            guard case .copying(var copy)? = parts[session], copy.sealer.buffered >= average else { continue }
            var out: [UInt8] = []
            buffered -= copy.sealer.buffered
            try copy.sealer.flush(isLast: false, to: &out)
            try write(out, session, &copy)
            parts[session] = .copying(copy)
        }
    }

    /// Finds the keys of sessions that have only entries without content here.
    private mutating func resolve(_ opener: inout RecordOpener, _ isErased: (RecordID) throws -> Bool) throws {
        var waiting: [RecordID: [RecordingItem]] = [:]
        for (session, part) in parts { if case .waiting(let items) = part { waiting[session] = items } }
        guard !waiting.isEmpty else { return }
        let slots = try KeyStore.slots(of: Set(waiting.keys), in: storage.open(KeyStore.path, create: false))
        for (session, items) in waiting {
            guard let slot = slots[session] else {
                // Its slot tells nothing any more, zeros or not.
                guard try isErased(session) else { throw KeyStore.missing(session) }
                parts[session] = .erased
                continue
            }
            var part = try begin(session, slot: slot, after: RecordingEnd(), &opener)
            try add(items, to: &part, of: session)
            parts[session] = part
        }
    }

    private mutating func write(_ bytes: [UInt8], _ session: RecordID, _ copy: inout Copy) throws {
        guard !bytes.isEmpty else { return }
        let path = RecordingHeader.path(of: session)
        if !copy.isBegun {
            let folder = RecordingHeader.folder(of: session)
            if copy.kept == 0 {
                try storage.makeDirectory(folder)
                newFolders.insert(folder)
            }
            let file = try storage.open(path, create: copy.kept == 0)
            let size = try file.size()
            guard size >= copy.kept else {
                throw GatewayError(
                    .recordingCorrupt, "The recording \(path) has \(size) bytes of \(copy.kept) that were synced.")
            }
            // What a crash left of a copy that was not finished.
            if size > copy.kept { try file.truncate(copy.kept) }
            copy.isBegun = true
        }
        // Opened each time: a segment may hold more sessions than a process may open files.
        try storage.open(path, create: false).write(bytes, at: copy.sealer.end.length - UInt64(bytes.count))
    }

    private mutating func finish(_ session: RecordID) throws {
        guard case .copying(var copy)? = parts[session] else { return }
        var out: [UInt8] = []
        try copy.sealer.flush(isLast: false, to: &out)
        try write(out, session, &copy)
        parts[session] = .copying(copy)
        if copy.isBegun { try storage.open(RecordingHeader.path(of: session), create: false).sync() }
    }
}
