package import AuditLedger
package import Crypto

/// How a ledger is kept.
package struct LedgerOptions: Sendable {
    /// The configured part of the origin; nil when nothing is configured.
    package var name: String?
    /// Seals the signing key at rest; derived from the vault key for this alone.
    package var sealingKey: SymmetricKey
    /// A signing key from elsewhere; nil for one that is made at the first start and kept sealed in `signer/key`.
    package var givenKey: Curve25519.Signing.PrivateKey?
    /// The least time between two checkpoints. With the time that writing one takes it must stay under a second, within
    /// which every entry is to be covered.
    package var interval = Duration.milliseconds(600)
    /// After this time without an entry the gateway writes one, so that a cut tail shows.
    package var idleInterval = Duration.seconds(86_400)
    package var publisher: any CheckpointPublisher = ImmediatePublisher()
    /// The full check, run once on a thread of its own after the start; what it throws stops the recording.
    package var check: (@Sendable (_ folder: LedgerFolder, _ head: TreeHead) throws -> Void)?
    /// False for a process that cannot ask the witnesses: what was signed is checked, but nothing is signed or published;
    /// the gateway covers its entries.
    package var signs = true
    /// Set by `sallyport audit new-log` only: a tree may begin although there was one before.
    package var startsNewLog = false

    package static let standardName = "sallyport"

    package init(name: String? = nil, sealingKey: SymmetricKey, givenKey: Curve25519.Signing.PrivateKey? = nil) {
        self.name = name
        self.sealingKey = sealingKey
        self.givenKey = givenKey
    }
}
