package import GatewayCore

extension GatewayError.Code {
    /// The vault's key cannot be made or read, or is not safe where it is.
    package static let vaultKey = Self("vault.key")
    /// A secret that the configuration refers to is missing, empty, too long or not a plain file.
    package static let secretMissing = Self("secret.missing")
}
