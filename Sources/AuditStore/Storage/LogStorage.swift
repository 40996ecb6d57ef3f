import GatewayCore

/// A storage call that failed; the store never repeats it on the same file.
package struct StorageFailure: Error, Sendable, CustomStringConvertible {
    package var call: String
    package var path: String
    /// The system's error number.
    package var number: Int32

    package init(call: String, path: String, number: Int32) {
        self.call = call
        self.path = path
        self.number = number
    }

    package var isDiskFull: Bool { number == 28 || number == 122 }

    package var description: String { "\(call) \(path): error \(number)" }
}

/// An open file. Calls may come from any thread; a write and a sync may overlap.
package protocol LogFile: AnyObject, Sendable {
    func size() throws(StorageFailure) -> UInt64
    /// Makes room for `length` bytes in a new file, which read as zeros; may take a while.
    func preallocate(_ length: UInt64) throws(StorageFailure)
    /// Takes room for `length` bytes that nobody will write.
    func reserve(_ length: UInt64) throws(StorageFailure)
    /// Writes all of `bytes` or throws.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StorageFailure)
    /// Makes content and length durable (fdatasync).
    func sync() throws(StorageFailure)
    /// Reads up to the buffer's length; fewer bytes only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StorageFailure) -> Int
    func truncate(_ length: UInt64) throws(StorageFailure)
}

/// The seam under the write-ahead log. Paths are relative to the data folder; a new or removed name is durable only
/// after `syncDirectory`.
package protocol LogStorage: Sendable {
    func makeDirectory(_ path: String) throws(StorageFailure)
    func list(_ path: String) throws(StorageFailure) -> [String]
    func open(_ path: String, create: Bool) throws(StorageFailure) -> any LogFile
    /// Gives a file a second name; no error when it has it already.
    func link(_ path: String, to other: String) throws(StorageFailure)
    /// Gives a file or a folder another name in one step; a file that had this name is replaced.
    func rename(_ path: String, to other: String) throws(StorageFailure)
    /// Removes a file or an empty folder.
    func remove(_ path: String) throws(StorageFailure)
    func syncDirectory(_ path: String) throws(StorageFailure)
    /// Bytes free for this user; nil when unknown.
    func freeBytes() -> UInt64?
    /// Takes the folder's exclusive lock, held until the storage goes; false when another process has it.
    func lock() throws(StorageFailure) -> Bool
    func unlock()
    /// The process that has the lock; nil when that is not known.
    func lockHolder() -> Int32?
}

extension LogStorage {
    package func lockHolder() -> Int32? { nil }
}

extension GatewayError {
    /// The folder is locked by another process.
    static func busy(_ storage: any LogStorage, _ folder: String? = nil) -> GatewayError {
        let place = folder.map { "The data folder \($0)" } ?? "The data folder"
        let who = storage.lockHolder().map { "process \($0)" } ?? "another process"
        return GatewayError(
            .storeBusy,
            "\(place) is in use by \(who), a gateway or a sallyport command: stop it first (kill -TERM ends a gateway politely), or use its API."
        )
    }
}

extension LogFile {
    package func reserve(_ length: UInt64) throws(StorageFailure) { try preallocate(length) }

    package func write(_ bytes: [UInt8], at offset: UInt64) throws(StorageFailure) {
        try bytes.withUnsafeBytes { bytes in
            Result { () throws(StorageFailure) in try write(bytes, at: offset) }
        }.get()
    }

    /// Up to `count` bytes; fewer only at the end of the file.
    package func read(_ count: Int, at offset: UInt64) throws(StorageFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try bytes.withUnsafeMutableBytes { bytes in
            Result { () throws(StorageFailure) in try read(into: bytes, at: offset) }
        }.get()
        bytes.removeLast(count - got)
        return bytes
    }
}

extension LogStorage {
    /// Puts `bytes` in the place of a file in one durable step: after a crash at any moment the file is the old one or the
    /// new one, whole.
    func replace(_ path: String, with bytes: [UInt8]) throws(StorageFailure) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        let new = path + ".new"
        let file = try open(new, create: true)
        // A crash may have left an older, longer one.
        try file.truncate(0)
        try file.write(bytes, at: 0)
        // The content is durable before the name leads to it, the name before anyone is told.
        try file.sync()
        try rename(new, to: path)
        try syncDirectory(folder)
    }

    /// A small file's bytes; nil when there is none. Throws error 27 (EFBIG) when it is longer than `limit`.
    func contents(of path: String, limit: Int) throws(StorageFailure) -> [UInt8]? {
        let file: any LogFile
        do throws(StorageFailure) {
            file = try open(path, create: false)
        } catch {
            // ENOENT; ENOTDIR where a folder of the path is something else.
            if error.number == 2 || error.number == 20 { return nil }
            throw error
        }
        let size = try file.size()
        guard size <= UInt64(limit) else { throw StorageFailure(call: "read", path: path, number: 27) }
        return try file.read(Int(size), at: 0)
    }
}
