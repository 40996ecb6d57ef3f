package import AuditLedger
package import AuditStore
import Crypto
package import GatewayCore

/// The witness's signing key, in the text form that other tools of signed notes write:
/// `PRIVATE+KEY+<name>+<id>+<base64(algorithm ‖ seed)>`, in a file that only its owner reads.
package enum WitnessKeyFile {
    private static let path = "key"
    private static let words = ["PRIVATE", "KEY"]

    /// Reads the key, or makes it. A name is needed only to make it; another name than the key's is an error, since
    /// gateways know the key under its name. Errors: `witness.setup`, `witness.state`.
    package static func load(_ storage: any LogStorage, name: String?) throws(GatewayError) -> Cosigner {
        let bytes: [UInt8]
        do {
            if !(try storage.list("")).contains(path) {
                try DurableFile.make(path, in: "", Array(try newKey(name).utf8), storage: storage)
            }
            bytes = try storage.open(path, create: false).read(4096, at: 0)
        } catch let error as GatewayError {
            throw error
        } catch {
            throw GatewayError(.witnessState, "The witness's key cannot be read or made.", cause: error)
        }
        let cosigner = try parse(bytes)
        if let name, name != cosigner.verifierKey.name {
            throw GatewayError(
                .witnessSetup,
                "This witness's key is named \(cosigner.verifierKey.name). Leave --name out, or use another data folder."
            )
        }
        return cosigner
    }

    private static func newKey(_ name: String?) throws(GatewayError) -> String {
        let random = UInt32.random(in: .min ... .max)
        let name = name ?? "witness-" + String(UInt64(random) | 1 << 32, radix: 16).dropFirst()
        let key = Curve25519.Signing.PrivateKey()
        do {
            let cosigner = try Cosigner(name: name, privateKey: key)
            let id = cosigner.verifierKey.text.split(separator: "+")[1]
            let bytes = [cosigner.verifierKey.algorithm.rawValue] + Array(key.rawRepresentation)
            return (words + [name, String(id), Base64.text(bytes)]).joined(separator: "+") + "\n"
        } catch {
            throw GatewayError(
                .witnessSetup,
                "A witness's name has no spaces and no plus signs; use one such as witness.example.com/w1.",
                cause: error)
        }
    }

    private static func parse(_ bytes: [UInt8]) throws(GatewayError) -> Cosigner {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        let parts = line.split(separator: UInt8(ascii: "+"), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 5, parts.prefix(2).elementsEqual(words, by: { $0.elementsEqual($1.utf8) }),
            let name = String(validating: parts[2], as: UTF8.self), let seed = Base64.decode(parts[4]),
            seed.first == NoteVerifierKey.Algorithm.cosignatureV1.rawValue, seed.count == 33,
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed.dropFirst()),
            let cosigner = try? Cosigner(name: name, privateKey: key),
            cosigner.verifierKey.text.split(separator: "+")[1].utf8.elementsEqual(parts[3])
        else {
            throw GatewayError(.witnessState, "The witness's key file is damaged; bring it back from a backup.")
        }
        return cosigner
    }
}
