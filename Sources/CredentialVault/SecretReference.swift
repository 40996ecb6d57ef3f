package import GatewayCore
import Glibc

/// Where a secret of the configuration is; resolved as late as possible, so that only its user holds it.
package enum SecretReference: Sendable {
    case literal(Secret)
    case environment(String)
    case file(String)

    /// Reads the secret. Errors: `secret.missing`, naming the reference and never the value.
    package func resolve() throws(GatewayError) -> Secret {
        switch self {
        case .literal(let secret):
            return secret
        case .environment(let name):
            guard let value = getenv(name) else {
                throw GatewayError(.secretMissing, "The environment variable \(name) is not set.")
            }
            let secret = Secret(UnsafeRawBufferPointer(start: value, count: strnlen(value, SecretFile.limit + 1)))
            guard (1...SecretFile.limit).contains(secret.count) else {
                throw GatewayError(
                    .secretMissing,
                    "The environment variable \(name) is empty or longer than \(SecretFile.limit) bytes.")
            }
            return secret
        case .file(let path):
            return try read(path)
        }
    }

    private func read(_ path: String) throws(GatewayError) -> Secret {
        let problem: String
        do {
            let secret = try SecretFile.read(path, mustBePrivate: false)
            if secret.count > 0 { return secret }
            problem = "is empty"
        } catch {
            problem =
                switch error {
                case .absent: "does not exist"
                case .system(let code): "cannot be read: " + String(cString: strerror(code))
                case .notPlain: "is not a plain file"
                case .tooLong: "is longer than \(SecretFile.limit) bytes"
                case .exposed: "may be read by others"
                }
        }
        throw GatewayError(.secretMissing, "The secret file \(path) \(problem).")
    }
}

extension SecretReference: CustomStringConvertible {
    /// The reference, never the value.
    package var description: String {
        switch self {
        case .literal: "‹secret›"
        case .environment(let name): "env \(name)"
        case .file(let path): "file \(path)"
        }
    }
}
