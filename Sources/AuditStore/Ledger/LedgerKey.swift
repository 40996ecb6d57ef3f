package import AuditLedger
package import GatewayCore

/// A log's verifier key, read without starting the log.
package enum LedgerKey {
    /// Nil when the log has not begun. Errors: those of the signing key at rest.
    package static func read(_ storage: any LogStorage, _ options: LedgerOptions) throws(GatewayError)
        -> NoteVerifierKey?
    {
        try SignerKey.load(storage, options)?.verifierKey
    }
}
