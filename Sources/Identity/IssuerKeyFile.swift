import Crypto
import Foundation
import GatewayCore
import Glibc

/// The embedded issuer's signing key on disk: `signing-key.pem`, mode 0600, in a folder of mode 0700.
struct IssuerKeyFile {
    let folder: String

    private var path: String { folder + "/signing-key.pem" }

    /// The key in the folder, made if there is none. Processes that race for making it all get the one that was linked
    /// first.
    func load() throws(GatewayError) -> P256.Signing.PrivateKey {
        try makeFolder()
        if let key = try read() { return key }
        try create()
        guard let key = try read() else { throw failure("cannot be read after it was made") }
        return key
    }

    private func failure(_ problem: String, code: Int32? = nil) -> GatewayError {
        let reason = code.map { ": " + String(cString: strerror($0)) } ?? ""
        return GatewayError(.issuerKey, "The embedded issuer's key \(path) \(problem)\(reason).")
    }

    private func makeFolder() throws(GatewayError) {
        if mkdir(folder, 0o700) == 0 {
            // Made by root for a service account, as `sallyport token` may be run: the account must be able to read it.
            var parent = stat()
            if geteuid() == 0, stat(folder + "/..", &parent) == 0 { _ = chown(folder, parent.st_uid, parent.st_gid) }
        } else if errno != EEXIST {
            throw failure("needs the folder \(folder), which cannot be made", code: errno)
        }
        var status = stat()
        guard lstat(folder, &status) == 0 else { throw failure("is in a folder that cannot be read", code: errno) }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_mode & 0o077 == 0 else {
            throw failure("is in a folder that others may enter; make \(folder) mode 0700")
        }
    }

    private func read() throws(GatewayError) -> P256.Signing.PrivateKey? {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("cannot be opened", code: errno)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 == 0 else {
            throw failure("may be read by others; make it mode 0600, and a new one if others have read it")
        }
        guard geteuid() == 0 || status.st_uid == geteuid() else { throw failure("belongs to another user") }
        var bytes = [UInt8](repeating: 0, count: 4097)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw failure("cannot be read", code: errno) }
            if got == 0 { break }
            count += got
        }
        guard count <= 4096,
            let key = try? P256.Signing.PrivateKey(pemRepresentation: String(decoding: bytes[..<count], as: UTF8.self))
        else { throw failure("is no P-256 private key in PEM form; move it away to have a new one made") }
        return key
    }

    /// Writes a new key whole and synced under a temporary name, then links it in place; an existing key wins over it.
    private func create() throws(GatewayError) {
        let text = Array((P256.Signing.PrivateKey().pemRepresentation + "\n").utf8)
        let temporary = path + "." + String(UInt64.random(in: .min ... .max), radix: 16)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("cannot be made", code: errno) }
        defer { unlink(temporary) }
        var parent = stat()
        if geteuid() == 0, stat(folder, &parent) == 0 { _ = fchown(file, parent.st_uid, parent.st_gid) }
        let written = text.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        let synced = written == text.count && fsync(file) == 0
        guard close(file) == 0, synced else { throw failure("cannot be written", code: errno) }
        if link(temporary, path) != 0, errno != EEXIST { throw failure("cannot be put in place", code: errno) }
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw failure("cannot be synced", code: errno) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw failure("cannot be synced", code: errno) }
    }
}
