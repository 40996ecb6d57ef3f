package import Crypto

/// The name of a log (C2SP tlog-checkpoint, "origin"): a configured name and a part that its key makes unlike any other's,
/// such as `gw-1.example.com/log-1f2e3d4c`. A log that starts anew has a new key, and so a new name.
package enum LogOrigin {
    package static func make(name: String, key: Curve25519.Signing.PublicKey) -> String {
        let digest = SHA256.hash(data: key.rawRepresentation)
        return start(name) + Hexadecimal.text(digest.prefix(4))
    }

    /// Whether `origin` was made from this configured name.
    package static func has(_ origin: String, name: String) -> Bool {
        origin.utf8.starts(with: start(name).utf8)
    }

    private static func start(_ name: String) -> String { name + "/log-" }
}
