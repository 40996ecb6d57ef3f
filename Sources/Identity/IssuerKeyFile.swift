import Crypto
import Foundation
import GatewayCore
import Glibc

/// The embedded issuer's signing key on disk: `signing-key.pem`, mode 0600, in a folder of mode 0700.
struct IssuerKeyFile {
    let folder: String

    private static let name = "signing-key.pem"

    private var path: String { folder + "/" + Self.name }

    /// The key in the folder, made if there is none. Processes that race for making it all get the one that was linked
    /// first.
    func load() throws(GatewayError) -> P256.Signing.PrivateKey {
        let folder = try openFolder()
        defer { close(folder) }
        if let key = try read(folder) { return key }
        try create(folder)
        guard let key = try read(folder) else { throw failure("cannot be read after it was made") }
        return key
    }

    private func failure(_ problem: String, code: Int32? = nil) -> GatewayError {
        let reason = code.map { ": " + String(cString: strerror($0)) } ?? ""
        return GatewayError(.issuerKey, "The embedded issuer's key \(path) \(problem)\(reason).")
    }

    /// The folder, made if there is none. All that follows goes through its descriptor: whoever owns the data folder
    /// may put something else in its place meanwhile, and this may be root.
    private func openFolder() throws(GatewayError) -> Int32 {
        let isNew = mkdir(folder, 0o700) == 0
        guard isNew || errno == EEXIST else {
            throw failure("needs the folder \(folder), which cannot be made", code: errno)
        }
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("is in a folder that cannot be opened", code: errno) }
        do throws(GatewayError) {
            try check(descriptor, isNew: isNew)
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private func check(_ descriptor: Int32, isNew: Bool) throws(GatewayError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("is in a folder that cannot be read", code: errno) }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_mode & 0o077 == 0 else {
            throw failure("is in a folder that others may enter; make \(folder) mode 0700")
        }
        // Made by root for a service account, as `sallyport token` may be run: the account must be able to read it.
        var parent = stat()
        if isNew, geteuid() == 0, status.st_uid == 0, fstatat(descriptor, "..", &parent, 0) == 0 {
            guard fchown(descriptor, parent.st_uid, parent.st_gid) == 0 else {
                throw failure("is in a folder that cannot be given to its owner", code: errno)
            }
        }
    }

    private func read(_ folder: Int32) throws(GatewayError) -> P256.Signing.PrivateKey? {
        let file = openat(folder, Self.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
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
    private func create(_ folder: Int32) throws(GatewayError) {
        let text = Array((P256.Signing.PrivateKey().pemRepresentation + "\n").utf8)
        let temporary = Self.name + "." + String(UInt64.random(in: .min ... .max), radix: 16)
        let file = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("cannot be made", code: errno) }
        defer { unlinkat(folder, temporary, 0) }
        var owner = stat()
        if geteuid() == 0, fstat(folder, &owner) == 0 { _ = fchown(file, owner.st_uid, owner.st_gid) }
        let written = text.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        let synced = written == text.count && fsync(file) == 0
        guard close(file) == 0, synced else { throw failure("cannot be written", code: errno) }
        if linkat(folder, temporary, folder, Self.name, 0) != 0, errno != EEXIST {
            throw failure("cannot be put in place", code: errno)
        }
        guard fsync(folder) == 0 else { throw failure("cannot be synced", code: errno) }
    }
}
