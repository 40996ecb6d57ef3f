package import AuditLedger
package import GatewayCore

/// The checkpoint that `/ledger/checkpoint` shows.
package struct PublishedCheckpoint: Sendable {
    package let note: SignedNote
    package let head: TreeHead
    /// All entries that end at or before this place of the log are covered.
    package let position: LogPosition
    /// When it was published, or at the start when it was read.
    package let time: Timestamp
}
