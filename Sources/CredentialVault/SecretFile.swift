import Glibc

/// Reads a small file of secret bytes without leaving copies of them behind.
enum SecretFile {
    enum Failure: Error {
        case absent
        /// `errno` of the call that failed.
        case system(Int32)
        case notPlain
        case tooLong
        /// Others than the owner may read it, and the caller minds.
        case exposed
    }

    /// Longest secret, in bytes.
    static let limit = 65_536

    /// The file's bytes without one line end at their end.
    static func read(_ path: String, mustBePrivate: Bool) throws(Failure) -> Secret {
        // Non-blocking, so that a pipe in the secret's place does not hang the start.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw errno == ENOENT ? .absent : .system(errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .system(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notPlain }
        guard !mustBePrivate || status.st_mode & 0o077 == 0 else { throw .exposed }

        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: limit + 1, alignment: 1)
        defer {
            if let start = buffer.baseAddress { explicit_bzero(start, buffer.count) }
            buffer.deallocate()
        }
        var count = 0
        while count < buffer.count {
            let got = Glibc.read(file, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .system(errno) }
            if got == 0 { break }
            count += got
        }
        guard count <= limit else { throw .tooLong }
        if count > 0, buffer[count - 1] == UInt8(ascii: "\n") {
            count -= 1
            if count > 0, buffer[count - 1] == UInt8(ascii: "\r") { count -= 1 }
        }
        return Secret(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
}
