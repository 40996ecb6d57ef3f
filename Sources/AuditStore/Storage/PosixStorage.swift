import Glibc
import Synchronization

/// The data folder on a real file system: folders 0700, files 0600 unless said otherwise.
package final class PosixStorage: LogStorage {
    private let root: String
    private let fileMode: mode_t
    private let lockDescriptor = Mutex<Int32>(-1)

    /// `fileMode` is of new files, less the process's mask.
    package init(root: String, fileMode: UInt32 = 0o600) {
        self.root = root
        self.fileMode = fileMode
    }

    deinit {
        lockDescriptor.withLock { if $0 >= 0 { close($0) } }
    }

    private func full(_ path: String) -> String { path.isEmpty ? root : root + "/" + path }

    package func makeDirectory(_ path: String) throws(StorageFailure) {
        if mkdir(full(path), 0o700) != 0, errno != EEXIST {
            throw StorageFailure(call: "mkdir", path: path, number: errno)
        }
    }

    package func list(_ path: String) throws(StorageFailure) -> [String] {
        guard let folder = opendir(full(path)) else { throw StorageFailure(call: "opendir", path: path, number: errno) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    package func open(_ path: String, create: Bool) throws(StorageFailure) -> any LogFile {
        var descriptor = Glibc.open(full(path), (create ? O_RDWR | O_CREAT : O_RDWR) | O_CLOEXEC | O_NOFOLLOW, fileMode)
        if descriptor < 0, errno == EACCES || errno == EROFS, !create {
            descriptor = Glibc.open(full(path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        }
        guard descriptor >= 0 else { throw StorageFailure(call: "open", path: path, number: errno) }
        return PosixFile(descriptor: descriptor, path: path)
    }

    package func link(_ path: String, to other: String) throws(StorageFailure) {
        if Glibc.link(full(path), full(other)) != 0, errno != EEXIST {
            throw StorageFailure(call: "link", path: path, number: errno)
        }
    }

    package func rename(_ path: String, to other: String) throws(StorageFailure) {
        if Glibc.rename(full(path), full(other)) != 0 {
            throw StorageFailure(call: "rename", path: path, number: errno)
        }
    }

    package func remove(_ path: String) throws(StorageFailure) {
        if unlink(full(path)) != 0, errno != EISDIR || rmdir(full(path)) != 0 {
            throw StorageFailure(call: "unlink", path: path, number: errno)
        }
    }

    package func syncDirectory(_ path: String) throws(StorageFailure) {
        let descriptor = Glibc.open(full(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StorageFailure(call: "open", path: path, number: errno) }
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw StorageFailure(call: "fsync", path: path, number: errno) }
    }

    package func freeBytes() -> UInt64? {
        var info = statvfs()
        guard statvfs(root, &info) == 0 else { return nil }
        return UInt64(info.f_bavail).multipliedReportingOverflow(by: UInt64(info.f_frsize)).partialValue
    }

    package func lock() throws(StorageFailure) -> Bool {
        let descriptor = Glibc.open(full("lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StorageFailure(call: "open", path: "lock", number: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            close(descriptor)
            if number == EWOULDBLOCK { return false }
            throw StorageFailure(call: "flock", path: "lock", number: number)
        }
        // Only for the message to others, so a disk that is full does not matter.
        let holder = Array("\(getpid())\n".utf8)
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, holder, holder.count, 0) }
        lockDescriptor.withLock { $0 = descriptor }
        return true
    }

    package func lockHolder() -> Int32? {
        let descriptor = Glibc.open(full("lock"), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let line = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }
        guard let number = Int32(String(decoding: line, as: UTF8.self)), number > 0 else { return nil }
        return number
    }

    package func unlock() {
        lockDescriptor.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }
}

/// A file descriptor, closed with the object.
final class PosixFile: LogFile {
    private let descriptor: Int32
    private let path: String

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        close(descriptor)
    }

    private func failure(_ call: String, _ number: Int32 = errno) -> StorageFailure {
        StorageFailure(call: call, path: path, number: number)
    }

    func size() throws(StorageFailure) -> UInt64 {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw failure("fstat") }
        return UInt64(clamping: info.st_size)
    }

    func preallocate(_ length: UInt64) throws(StorageFailure) {
        // posix_fallocate gives its error as the result, not in errno.
        let number = posix_fallocate(descriptor, 0, off_t(clamping: length))
        guard number == 0 else { throw failure("posix_fallocate", number) }
        // Reserved blocks are marked as written one by one, each with a journal commit within some entry's sync (a
        // third more
        // time on ext4), so they are written here; in steps, so as not to hold up the log's own syncs for long.
        let piece = [UInt8](repeating: 0, count: 1 << 20)
        for start in stride(from: 0, to: length, by: piece.count) {
            let count = min(length - start, UInt64(piece.count))
            try write(count == UInt64(piece.count) ? piece : Array(piece.prefix(Int(count))), at: start)
            try sync()
        }
    }

    func reserve(_ length: UInt64) throws(StorageFailure) {
        let number = posix_fallocate(descriptor, 0, off_t(clamping: length))
        guard number == 0 else { throw failure("posix_fallocate", number) }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StorageFailure) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(
                descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(clamping: offset) + off_t(done))
            if count > 0 {
                done += count
            } else if count < 0, errno == EINTR {
                continue
            } else {
                throw failure("pwrite", count == 0 ? ENOSPC : errno)
            }
        }
    }

    func sync() throws(StorageFailure) {
        guard fdatasync(descriptor) == 0 else { throw failure("fdatasync") }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StorageFailure) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(clamping: offset) + off_t(done))
            if count > 0 {
                done += count
            } else if count == 0 {
                break
            } else if errno == EINTR {
                continue
            } else {
                throw failure("pread")
            }
        }
        return done
    }

    func truncate(_ length: UInt64) throws(StorageFailure) {
        guard ftruncate(descriptor, off_t(clamping: length)) == 0 else { throw failure("ftruncate") }
    }
}
