package import GatewayCore

/// A place in the log: how many bytes of records lie before it. An entry's position is the end of its last record.
package struct LogPosition: Hashable, Comparable, Sendable {
    package let offset: UInt64

    package init(_ offset: UInt64) {
        self.offset = offset
    }

    package static let start = LogPosition(0)
    /// Of what has no place yet: never reached.
    package static let unknown = LogPosition(.max)

    package static func < (one: LogPosition, other: LogPosition) -> Bool {
        one.offset < other.offset
    }
}

/// How far the log has come. `synced` survives the machine, `written` the process only.
package struct LogProgress: Sendable {
    package var written: LogPosition
    package var synced: LogPosition
    /// Set once and for ever when a storage call failed.
    package var failure: GatewayError?
}

extension GatewayError.Code {
    /// The log has failed or is closed; nothing more is recorded.
    package static let logFailed = GatewayError.Code("log_failed")
    /// The disk is full.
    package static let diskFull = GatewayError.Code("disk_full")
    /// What is stored is not what was written.
    package static let logCorrupt = GatewayError.Code("log_corrupt")
    /// Another process has the data folder.
    /// The disk has no room for the search index.
    package static let indexFull = GatewayError.Code("index_full")
    package static let storeBusy = GatewayError.Code("store_busy")
    /// A record that cannot be stored: too much content.
    package static let recordTooLarge = GatewayError.Code("record_too_large")
    /// The vault key does not open the stored keys.
    package static let wrongVaultKey = GatewayError.Code("wrong_vault_key")
    package static let indexFailed = GatewayError.Code("index_failed")
    package static let notFound = GatewayError.Code("not_found")
}
