package import AuditStore
package import CredentialVault
import Crypto
package import GatewayConfiguration
package import GatewayCore

extension StoreOptions {
    /// The store of a configured gateway. Errors: `secret.missing`, `gateway.start` when the given signing key is none.
    package init(_ configuration: Configuration, vault: VaultKey) throws(GatewayError) {
        var ledger = LedgerOptions(name: configuration.ledger.origin, sealingKey: vault.derive(.ledgerKeySealing))
        if let reference = configuration.ledger.key {
            guard let key = Self.signingKey(try reference.resolve()) else {
                throw GatewayError(
                    .gatewayStart,
                    "The ledger's key (\(reference)) is no Ed25519 key: 64 hexadecimal digits are expected (openssl rand -hex 32)."
                )
            }
            ledger.givenKey = key
        }
        self.init(vaultKey: vault.derive(.sessionKeyWrapping), ledger: ledger)
        // Three segments: one to go on in, one for a start on the full disk, one for the tree and the index.
        reserve = 96 << 20
    }

    private static func signingKey(_ secret: Secret) -> Curve25519.Signing.PrivateKey? {
        secret.withBytes { bytes -> Curve25519.Signing.PrivateKey? in
            guard bytes.count == 64 else { return nil }
            let digits = bytes.compactMap { digit in
                switch digit {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
                case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
                case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
                default: nil as UInt8?
                }
            }
            guard digits.count == 64 else { return nil }
            let raw = stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
            return try? Curve25519.Signing.PrivateKey(rawRepresentation: raw)
        }
    }
}
