import AuditStore
import Synchronization

/// A disk in memory that forgets, at a crash, every byte and every name that was not synced; and fails where it is told
/// to.
final class SimulatedStorage: LogStorage {
    enum Call: String, CaseIterable {
        case create, preallocate, write, sync, truncate, link, remove, syncDirectory
    }

    /// What happens at the n-th changing call, counted from 1, or at the first of its kind from there on.
    struct Fault {
        var at: Int
        var call: Call?
        var number: Int32
        /// Nothing works after it.
        var isCrash: Bool
    }

    final class Inode: Sendable {
        let state: Mutex<(current: [UInt8], durable: [UInt8])>

        init(_ bytes: [UInt8] = []) {
            state = Mutex((bytes, bytes))
        }
    }

    struct State {
        var names: [String: Inode] = [:]
        var durable: [String: Inode] = [:]
        var calls = 0
        var log: [Call] = []
        var fault: Fault?
        var isDead = false
        var isLocked = false
        var free: UInt64?
    }

    let state: Mutex<State>

    init(fault: Fault? = nil) {
        state = Mutex(State(fault: fault))
    }

    private init(names: [String: Inode]) {
        state = Mutex(State(names: names, durable: names))
    }

    var calls: Int { state.withLock { $0.calls } }

    fileprivate func change(_ call: Call, _ path: String) throws(StorageFailure) {
        let number: Int32? = state.withLock { state in
            if state.isDead { return 5 }
            state.calls += 1
            state.log.append(call)
            guard let fault = state.fault,
                fault.call == nil ? fault.at == state.calls : fault.at <= state.calls && fault.call == call
            else { return nil }
            if fault.isCrash { state.isDead = true }
            return fault.number
        }
        if let number { throw StorageFailure(call: call.rawValue, path: path, number: number) }
    }

    /// The disk after a power loss. With `keep`, each unsynced sector of 512 bytes survives when it says so.
    func rebooted(keep: () -> Bool = { false }) -> SimulatedStorage {
        let names = state.withLock { $0.durable }
        return SimulatedStorage(
            names: names.mapValues { inode in
                inode.state.withLock { file in
                    var bytes = file.durable
                    if keep() {
                        if file.current.count > bytes.count {
                            bytes += [UInt8](repeating: 0, count: file.current.count - bytes.count)
                        }
                        for start in stride(from: 0, to: min(bytes.count, file.current.count), by: 512) where keep() {
                            let end = min(start + 512, bytes.count, file.current.count)
                            bytes.replaceSubrange(start..<end, with: file.current[start..<end])
                        }
                    }
                    return Inode(bytes)
                }
            })
    }

    /// The disk after the process was killed: all that was written is there.
    func copied() -> SimulatedStorage {
        SimulatedStorage(names: state.withLock { $0.names }.mapValues { Inode($0.state.withLock { $0.current }) })
    }

    func bytes(of path: String) -> [UInt8]? {
        state.withLock { $0.names[path] }?.state.withLock { $0.current }
    }

    func edit(_ path: String, _ body: (inout [UInt8]) -> Void) {
        state.withLock { $0.names[path] }?.state.withLock {
            body(&$0.current)
            $0.durable = $0.current
        }
    }

    var paths: [String] { state.withLock { $0.names.keys.sorted() } }

    // MARK: LogStorage

    func makeDirectory(_ path: String) throws(StorageFailure) {}

    func list(_ path: String) throws(StorageFailure) -> [String] {
        state.withLock { state in
            state.names.keys.filter { $0.hasPrefix(path + "/") }.map { String($0.dropFirst(path.utf8.count + 1)) }
        }
    }

    func open(_ path: String, create: Bool) throws(StorageFailure) -> any LogFile {
        if let known = state.withLock({ $0.names[path] }) { return SimulatedFile(self, known, path) }
        guard create else { throw StorageFailure(call: "open", path: path, number: 2) }
        try change(.create, path)
        let inode = Inode()
        state.withLock { $0.names[path] = inode }
        return SimulatedFile(self, inode, path)
    }

    func link(_ path: String, to other: String) throws(StorageFailure) {
        try change(.link, path)
        state.withLock { $0.names[other] = $0.names[path] }
    }

    func remove(_ path: String) throws(StorageFailure) {
        try change(.remove, path)
        state.withLock { state in _ = state.names.removeValue(forKey: path) }
    }

    func syncDirectory(_ path: String) throws(StorageFailure) {
        try change(.syncDirectory, path)
        state.withLock { state in
            let prefix = path.isEmpty ? "" : path + "/"
            func isHere(_ name: String) -> Bool {
                name.hasPrefix(prefix) && !name.dropFirst(prefix.count).contains("/")
            }
            for name in state.durable.keys where isHere(name) { state.durable[name] = nil }
            for (name, inode) in state.names where isHere(name) { state.durable[name] = inode }
        }
    }

    func freeBytes() -> UInt64? { state.withLock { $0.free } }

    func lock() throws(StorageFailure) -> Bool {
        state.withLock { state in
            defer { state.isLocked = true }
            return !state.isLocked
        }
    }

    func unlock() { state.withLock { $0.isLocked = false } }
}

final class SimulatedFile: LogFile {
    private let storage: SimulatedStorage
    private let inode: SimulatedStorage.Inode
    private let path: String

    init(_ storage: SimulatedStorage, _ inode: SimulatedStorage.Inode, _ path: String) {
        self.storage = storage
        self.inode = inode
        self.path = path
    }

    func size() throws(StorageFailure) -> UInt64 { inode.state.withLock { UInt64($0.current.count) } }

    func preallocate(_ length: UInt64) throws(StorageFailure) {
        try storage.change(.preallocate, path)
        inode.state.withLock { file in
            if file.current.count < Int(length) {
                file.current += [UInt8](repeating: 0, count: Int(length) - file.current.count)
            }
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StorageFailure) {
        try storage.change(.write, path)
        inode.state.withLock { file in
            let end = Int(offset) + bytes.count
            if file.current.count < end { file.current += [UInt8](repeating: 0, count: end - file.current.count) }
            file.current.replaceSubrange(Int(offset)..<end, with: bytes)
        }
    }

    func sync() throws(StorageFailure) {
        let taken = inode.state.withLock { $0.current }
        try storage.change(.sync, path)
        inode.state.withLock { $0.durable = taken }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StorageFailure) -> Int {
        inode.state.withLock { file in
            guard offset < UInt64(file.current.count) else { return 0 }
            let part = file.current[Int(offset)...].prefix(buffer.count)
            buffer.copyBytes(from: part)
            return part.count
        }
    }

    func truncate(_ length: UInt64) throws(StorageFailure) {
        try storage.change(.truncate, path)
        inode.state.withLock { file in
            if file.current.count > Int(length) { file.current.removeLast(file.current.count - Int(length)) }
        }
    }
}
