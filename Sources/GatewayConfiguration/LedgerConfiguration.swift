package import AuditLedger
package import CredentialVault

/// The log's name and its witnesses.
package struct LedgerConfiguration: Sendable {
    /// The configured part of the log's name; a part made with its key is added. Nil for the standard one.
    package var origin: String?
    /// An Ed25519 private key, 64 hexadecimal digits; nil for one that is made at the first start.
    package var key: SecretReference?
    package var witnesses: [WitnessConfiguration] = []
    /// Witnesses that must have cosigned a checkpoint before it is published.
    package var required = 0
    /// Seconds that a checkpoint may wait for witnesses before no new session is admitted; nil for any time.
    package var maximumUnwitnessed: Int?

    package init() {}
}

package struct WitnessConfiguration: Sendable, Hashable {
    /// What `/add-checkpoint` is appended to.
    package var url: String
    package var key: NoteVerifierKey
    /// A PEM file with the authorities to trust; nil for the system's.
    package var authority: String?

    package init(url: String, key: NoteVerifierKey, authority: String? = nil) {
        self.url = url
        self.key = key
        self.authority = authority
    }
}
