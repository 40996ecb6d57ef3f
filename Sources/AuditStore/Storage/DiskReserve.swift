import GatewayCore
import Synchronization

/// Blocks kept for the end: a file without content whose room is given back when the disk is full, so that open sessions
/// can still be closed with their entries. Any thread may use it.
final class DiskReserve: Sendable {
    private static let path = "reserve"

    private let storage: any LogStorage
    /// Bytes; 0 to make none, but to give back one that is there.
    private let size: UInt64
    private let held: Mutex<Bool>
    private let used = Atomic<Bool>(false)

    init(_ storage: any LogStorage, size: UInt64) {
        self.storage = storage
        self.size = size
        held = Mutex(((try? storage.list("")) ?? []).contains(Self.path))
    }

    /// Whether there is something to give back.
    var isHeld: Bool { held.withLock { $0 } }

    /// It was given back, and not taken again since.
    var isUsed: Bool { used.load(ordering: .acquiring) }

    /// Takes the room, where it is not taken yet; false when there is none. A file left by a crash is brought to its size.
    func take() -> Bool {
        guard size > 0 else { return true }
        return held.withLock { isHeld in
            do throws(StorageFailure) {
                let file = try storage.open(Self.path, create: true)
                isHeld = true
                if try file.size() != size {
                    try file.truncate(0)
                    try file.reserve(size)
                    // The room counts from now on, not from some later write-back.
                    try file.sync()
                    try storage.syncDirectory("")
                }
                used.store(false, ordering: .releasing)
                return true
            } catch {
                // What it has is more use to others.
                if isHeld { try? storage.remove(Self.path) }
                isHeld = false
                return false
            }
        }
    }

    /// Gives the room back; false when there was none.
    func release() -> Bool {
        used.store(true, ordering: .releasing)
        return held.withLock { isHeld in
            guard isHeld else { return false }
            isHeld = false
            // Not synced: the blocks are free at once, and one that a crash brings back is taken as it is.
            return (try? storage.remove(Self.path)) != nil
        }
    }
}

/// A storage whose writes may use the reserve: a call that fails because the disk is full is made once more after the
/// reserve was given back. Such a call had not changed what it was to write, or is written whole again at the same place;
/// a sync that failed is never repeated.
struct ReservedStorage: LogStorage {
    let base: any LogStorage
    let reserve: DiskReserve

    fileprivate static func retrying<Value>(
        _ reserve: DiskReserve, _ body: () throws(StorageFailure) -> Value
    ) throws(StorageFailure) -> Value {
        do throws(StorageFailure) {
            return try body()
        } catch {
            guard error.isDiskFull, reserve.release() else { throw error }
            return try body()
        }
    }

    func makeDirectory(_ path: String) throws(StorageFailure) {
        try Self.retrying(reserve) { () throws(StorageFailure) in try base.makeDirectory(path) }
    }

    func list(_ path: String) throws(StorageFailure) -> [String] { try base.list(path) }

    func open(_ path: String, create: Bool) throws(StorageFailure) -> any LogFile {
        let file = try Self.retrying(reserve) { () throws(StorageFailure) in try base.open(path, create: create) }
        return ReservedFile(base: file, reserve: reserve)
    }

    func link(_ path: String, to other: String) throws(StorageFailure) {
        try Self.retrying(reserve) { () throws(StorageFailure) in try base.link(path, to: other) }
    }

    func rename(_ path: String, to other: String) throws(StorageFailure) {
        try Self.retrying(reserve) { () throws(StorageFailure) in try base.rename(path, to: other) }
    }

    func remove(_ path: String) throws(StorageFailure) { try base.remove(path) }
    func syncDirectory(_ path: String) throws(StorageFailure) { try base.syncDirectory(path) }
    func freeBytes() -> UInt64? { base.freeBytes() }
    func lock() throws(StorageFailure) -> Bool { try base.lock() }
    func unlock() { base.unlock() }
    func lockHolder() -> Int32? { base.lockHolder() }
}

private final class ReservedFile: LogFile {
    private let base: any LogFile
    private let reserve: DiskReserve

    init(base: any LogFile, reserve: DiskReserve) {
        self.base = base
        self.reserve = reserve
    }

    func size() throws(StorageFailure) -> UInt64 { try base.size() }

    func preallocate(_ length: UInt64) throws(StorageFailure) {
        try ReservedStorage.retrying(reserve) { () throws(StorageFailure) in try base.preallocate(length) }
    }

    func reserve(_ length: UInt64) throws(StorageFailure) { try base.reserve(length) }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StorageFailure) {
        try ReservedStorage.retrying(reserve) { () throws(StorageFailure) in try base.write(bytes, at: offset) }
    }

    func sync() throws(StorageFailure) { try base.sync() }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StorageFailure) -> Int {
        try base.read(into: buffer, at: offset)
    }

    func truncate(_ length: UInt64) throws(StorageFailure) { try base.truncate(length) }
}
