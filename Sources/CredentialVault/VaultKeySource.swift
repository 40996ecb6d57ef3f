import Crypto
package import GatewayCore
import Glibc

/// Where the vault's key comes from; in each form it is 64 hexadecimal digits.
package enum VaultKeySource: Sendable, Hashable {
    /// A file of mode 0600, made when absent.
    case file(String)
    case environment(String)
    /// A program and its arguments, run without a shell; its standard output is the key.
    case command([String])

    /// Reads the key, or makes it (file only). Blocks; call it once, at start. Errors: `vault.key`.
    package func load() throws(GatewayError) -> VaultKey {
        switch self {
        case .file(let path):
            if let key = try read(path) { return key }
            try create(path)
            guard let key = try read(path) else {
                throw Self.failure("The vault key \(path) is gone after it was made.")
            }
            return key
        case .environment(let name):
            guard let value = getenv(name) else {
                throw Self.failure("The environment variable \(name) for the vault key is not set.")
            }
            let secret = Secret(UnsafeRawBufferPointer(start: value, count: strnlen(value, 65)))
            return try Self.parse(secret, from: "environment variable \(name)")
        case .command(let arguments):
            return try Self.parse(
                try KeyCommand(arguments: arguments).run(), from: "output of \(arguments.first ?? "")")
        }
    }

    private static func failure(_ message: String) -> GatewayError {
        GatewayError(.vaultKey, message)
    }

    private static func parse(_ secret: Secret, from place: String) throws(GatewayError) -> VaultKey {
        guard let key = VaultKey(text: secret) else {
            throw failure("The \(place) is no vault key: 64 hexadecimal digits are expected (openssl rand -hex 32).")
        }
        return key
    }

    private func read(_ path: String) throws(GatewayError) -> VaultKey? {
        let secret: Secret
        do {
            secret = try SecretFile.read(path, mustBePrivate: true)
        } catch {
            switch error {
            case .absent: return nil
            case .exposed: throw Self.failure("The vault key \(path) may be read by others; make it mode 0600.")
            case .notPlain: throw Self.failure("The vault key \(path) is not a plain file.")
            case .tooLong: throw Self.failure("The file \(path) is no vault key; it is too long.")
            case .system(let code):
                throw Self.failure("The vault key \(path) cannot be read: \(String(cString: strerror(code))).")
            }
        }
        return try Self.parse(secret, from: "file \(path)")
    }

    /// Writes a new key whole and synced under a temporary name, then links it in place; an existing key wins, so
    /// racing starts agree.
    private func create(_ path: String) throws(GatewayError) {
        func failure(_ call: String) -> GatewayError {
            Self.failure("The vault key \(path) cannot be made (\(call): \(String(cString: strerror(errno)))).")
        }
        var text = SymmetricKey(size: .bits256).withUnsafeBytes { bytes in
            bytes.flatMap { [UInt8.hexDigit($0 >> 4), UInt8.hexDigit($0 & 0xF)] }
        }
        text.append(UInt8(ascii: "\n"))
        defer { text.withUnsafeMutableBytes { if let start = $0.baseAddress { explicit_bzero(start, $0.count) } } }
        let temporary = path + "." + String(UInt64.random(in: .min ... .max), radix: 16)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("open") }
        defer { unlink(temporary) }
        let written = text.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        let synced = written == text.count && fsync(file) == 0
        guard close(file) == 0, synced else { throw failure("write") }
        if link(temporary, path) != 0, errno != EEXIST { throw failure("link") }
        // The name must survive a crash too: without the key, recordings made under it could never be read.
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw failure("open folder") }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw failure("sync folder") }
    }
}
