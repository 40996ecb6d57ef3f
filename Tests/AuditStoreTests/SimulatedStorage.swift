import AuditStore
import Synchronization

/// A disk in memory that forgets, at a crash, every byte and every name that was not synced; and fails where it is told
/// to.
final class SimulatedStorage: LogStorage {
    enum Call: String, CaseIterable {
        case create, preallocate, write, sync, truncate, link, rename, remove, makeDirectory, syncDirectory
    }

    /// What happens at the n-th changing call, counted from 1, or at the first of its kind from there on.
    struct Fault {
        var at: Int
        var call: Call?
        /// Only of paths that start so.
        var path = ""
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
        var folders: Set<String> = []
        var durableFolders: Set<String> = []
        /// Folders moved since their new parent was synced: new name → old name.
        var moves: [String: String] = [:]
        var calls = 0
        var log: [Call] = []
        var fault: Fault?
        var isDead = false
        var isLocked = false
        var free: UInt64?
        /// Files without a name any more: their blocks are free, but hold what was in them.
        var freed: [Inode] = []
        /// Bytes that all files may have together; more is a full disk.
        var capacity: Int?
    }

    let state: Mutex<State>

    init(fault: Fault? = nil) {
        state = Mutex(State(fault: fault))
    }

    private init(names: [String: Inode], folders: Set<String>) {
        state = Mutex(State(names: names, durable: names, folders: folders, durableFolders: folders))
    }

    private static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    /// A name after the folder `path` became `other`.
    private static func moved(_ name: String, _ path: String, _ other: String) -> String {
        name == path || name.hasPrefix(path + "/") ? other + name.dropFirst(path.count) : name
    }

    /// Whether a path's folders, all the way down, are in `folders`.
    private static func isReachable(_ path: String, in folders: Set<String>) -> Bool {
        var folder = parent(of: path)
        while !folder.isEmpty {
            guard folders.contains(folder) else { return false }
            folder = parent(of: folder)
        }
        return true
    }

    var calls: Int { state.withLock { $0.calls } }

    fileprivate func change(_ call: Call, _ path: String) throws(StorageFailure) {
        let number: Int32? = state.withLock { state in
            if state.isDead { return 5 }
            state.calls += 1
            state.log.append(call)
            guard let fault = state.fault,
                fault.call == nil
                    ? fault.at == state.calls
                    : fault.at <= state.calls && fault.call == call && path.hasPrefix(fault.path)
            else { return nil }
            if fault.isCrash { state.isDead = true }
            return fault.number
        }
        if let number { throw StorageFailure(call: call.rawValue, path: path, number: number) }
    }

    /// Whether a file may grow to `length`.
    fileprivate func requireRoom(_ inode: Inode, _ length: Int, _ path: String) throws(StorageFailure) {
        let isFull = state.withLock { state in
            guard let capacity = state.capacity else { return false }
            let used = state.names.values.reduce(0) { sum, file in sum + file.state.withLock { $0.current.count } }
            let more = length - inode.state.withLock { $0.current.count }
            return more > 0 && used + more > capacity
        }
        if isFull { throw StorageFailure(call: "write", path: path, number: 28) }
    }

    /// The disk after a power loss. With `keep`, each unsynced sector of 512 bytes survives when it says so.
    func rebooted(keep: () -> Bool = { false }) -> SimulatedStorage {
        let (all, allFolders) = state.withLock { ($0.durable, $0.durableFolders) }
        // What lies in a folder whose own name was not synced cannot be reached any more.
        let folders = allFolders.filter { Self.isReachable($0, in: allFolders) }
        let names = all.filter { Self.isReachable($0.key, in: folders) }
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
            }, folders: folders)
    }

    /// The disk after the process was killed: all that was written is there.
    func copied(fault: Fault? = nil) -> SimulatedStorage {
        let (names, folders) = state.withLock { ($0.names, $0.folders) }
        let copy = SimulatedStorage(
            names: names.mapValues { Inode($0.state.withLock { $0.current }) }, folders: folders)
        copy.state.withLock { $0.fault = fault }
        return copy
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

    func makeDirectory(_ path: String) throws(StorageFailure) {
        guard !path.isEmpty, state.withLock({ !$0.folders.contains(path) }) else { return }
        try change(.makeDirectory, path)
        let isReachable = state.withLock { state in
            guard Self.isReachable(path, in: state.folders) else { return false }
            state.folders.insert(path)
            return true
        }
        guard isReachable else { throw StorageFailure(call: "mkdir", path: path, number: 2) }
    }

    func list(_ path: String) throws(StorageFailure) -> [String] {
        let names = state.withLock { state in
            (Array(state.names.keys) + state.folders).filter { Self.parent(of: $0) == path && $0 != path }
        }
        if names.isEmpty, !path.isEmpty, state.withLock({ !$0.folders.contains(path) }) {
            throw StorageFailure(call: "opendir", path: path, number: 2)
        }
        return names.map { path.isEmpty ? $0 : String($0.dropFirst(path.count + 1)) }
    }

    func open(_ path: String, create: Bool) throws(StorageFailure) -> any LogFile {
        if let known = state.withLock({ $0.names[path] }) { return SimulatedFile(self, known, path) }
        guard create, state.withLock({ Self.isReachable(path, in: $0.folders) }) else {
            throw StorageFailure(call: "open", path: path, number: 2)
        }
        try change(.create, path)
        let inode = Inode()
        state.withLock { $0.names[path] = inode }
        return SimulatedFile(self, inode, path)
    }

    func link(_ path: String, to other: String) throws(StorageFailure) {
        try change(.link, path)
        state.withLock { $0.names[other] = $0.names[path] }
    }

    func rename(_ path: String, to other: String) throws(StorageFailure) {
        try change(.rename, path)
        state.withLock { state in
            if state.folders.contains(path) {
                state.folders = Set(state.folders.map { Self.moved($0, path, other) })
                state.names = Dictionary(
                    uniqueKeysWithValues: state.names.map { (Self.moved($0.key, path, other), $0.value) })
                state.moves[other] = path
            } else {
                if let replaced = state.names[other] { state.freed.append(replaced) }
                state.names[other] = state.names.removeValue(forKey: path)
            }
        }
    }

    func remove(_ path: String) throws(StorageFailure) {
        try change(.remove, path)
        let number: Int32? = state.withLock { state -> Int32? in
            if let removed = state.names.removeValue(forKey: path) {
                state.freed.append(removed)
                return nil
            }
            guard state.folders.contains(path) else { return 2 }
            if (Array(state.names.keys) + state.folders).contains(where: { $0.hasPrefix(path + "/") }) { return 39 }
            state.folders.remove(path)
            return nil
        }
        if let number { throw StorageFailure(call: "unlink", path: path, number: number) }
    }

    func syncDirectory(_ path: String) throws(StorageFailure) {
        try change(.syncDirectory, path)
        state.withLock { state in
            for (new, old) in state.moves where Self.parent(of: new) == path {
                state.durable = Dictionary(
                    uniqueKeysWithValues: state.durable.map { (Self.moved($0.key, old, new), $0.value) })
                state.durableFolders = Set(state.durableFolders.map { Self.moved($0, old, new) })
                state.moves[new] = nil
            }
            func isHere(_ name: String) -> Bool { Self.parent(of: name) == path && name != path }
            state.durableFolders = state.durableFolders.filter { !isHere($0) || state.folders.contains($0) }
            state.durableFolders.formUnion(state.folders.filter(isHere))
            state.durable = state.durable.filter { !isHere($0.key) }
            for (name, inode) in state.names where isHere(name) { state.durable[name] = inode }
        }
    }

    func freeBytes() -> UInt64? {
        state.withLock { state in
            guard let capacity = state.capacity else { return state.free }
            let used = state.names.values.reduce(0) { sum, file in sum + file.state.withLock { $0.current.count } }
            return UInt64(max(0, capacity - used))
        }
    }

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
        try storage.requireRoom(inode, Int(length), path)
        inode.state.withLock { file in
            if file.current.count < Int(length) {
                file.current += [UInt8](repeating: 0, count: Int(length) - file.current.count)
            }
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StorageFailure) {
        try storage.change(.write, path)
        try storage.requireRoom(inode, Int(offset) + bytes.count, path)
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
