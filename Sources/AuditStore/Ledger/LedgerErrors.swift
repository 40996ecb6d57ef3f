package import GatewayCore

extension GatewayError.Code {
    /// A storage call under the ledger failed; nothing more is signed.
    package static let ledgerFailed = GatewayError.Code("ledger_failed")
    /// A tile, a bundle or a checkpoint is missing or is not what was signed.
    package static let ledgerCorrupt = GatewayError.Code("ledger_corrupt")
    /// Log, tree and last signed state do not belong together: something was taken back or exchanged.
    package static let ledgerRefused = GatewayError.Code("ledger_refused")
}

extension GatewayError {
    static func ledgerMissing(_ path: String) -> GatewayError {
        GatewayError(.ledgerCorrupt, "The ledger's file \(path) is missing. \(restore)")
    }

    /// `reason` never holds a part of what the file says.
    static func ledgerDamage(_ path: String, _ reason: String) -> GatewayError {
        GatewayError(.ledgerCorrupt, "The ledger's file \(path) is damaged: \(reason). \(restore)")
    }

    static func ledgerFailure(_ cause: StorageFailure) -> GatewayError {
        GatewayError(
            cause.isDiskFull ? .diskFull : .ledgerFailed,
            cause.isDiskFull
                ? "The ledger's disk is full: free space, then start the gateway again."
                : "The ledger's file \(cause.path) could not be used: \(cause.call) failed; check the disk, then start the gateway again.",
            cause: cause)
    }

    static func ledgerRefusal(_ what: String) -> GatewayError {
        GatewayError(.ledgerRefused, "\(what) \(restore)")
    }

    /// What to do when the start is refused.
    private static let restore =
        "Restore the data folder's newest copy; if what was lost cannot be restored, start a new log: sallyport audit new-log --reason TEXT"
}
