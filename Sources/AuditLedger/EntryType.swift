/// What an entry records: an open set of dotted names (`command.allowed`), written as they are into the leaf.
package struct EntryType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }

    package static let sessionOpen = EntryType(rawValue: "session.open")
    package static let sessionClose = EntryType(rawValue: "session.close")

    package static let commandAllowed = EntryType(rawValue: "command.allowed")
    package static let commandBlocked = EntryType(rawValue: "command.blocked")
    package static let commandHeld = EntryType(rawValue: "command.held")
    package static let commandGranted = EntryType(rawValue: "command.granted")
    package static let commandDenied = EntryType(rawValue: "command.denied")
    package static let commandExpired = EntryType(rawValue: "command.expired")
    /// Held for as long as its client waits; refused, while its approval stays open for the same command sent again.
    package static let commandDeferred = EntryType(rawValue: "command.deferred")
    package static let commandOutcome = EntryType(rawValue: "command.outcome")
    /// A statement of the gateway's own, sent in place of or beside the client's.
    package static let commandSubstituted = EntryType(rawValue: "command.substituted")

    package static let signinRefused = EntryType(rawValue: "signin.refused")

    package static let approvalRequested = EntryType(rawValue: "approval.requested")
    package static let approvalApproved = EntryType(rawValue: "approval.approved")
    package static let approvalDenied = EntryType(rawValue: "approval.denied")
    package static let approvalWithdrawn = EntryType(rawValue: "approval.withdrawn")
    /// Its time, or that of an unused grant, was over.
    package static let approvalExpired = EntryType(rawValue: "approval.expired")

    /// Somebody passed a hold on their own word: to be looked at.
    package static let alertBreakGlass = EntryType(rawValue: "alert.break_glass")

    package static let policyLoaded = EntryType(rawValue: "policy.loaded")
    package static let policyChanged = EntryType(rawValue: "policy.changed")
    package static let recordViewed = EntryType(rawValue: "record.viewed")
    package static let recordSearched = EntryType(rawValue: "record.searched")
    package static let lockSet = EntryType(rawValue: "lock.set")
    package static let lockReleased = EntryType(rawValue: "lock.released")
    package static let gatewayStarted = EntryType(rawValue: "gateway.started")
    /// A day went by without an entry: the log's end is still where it should be.
    package static let gatewayAlive = EntryType(rawValue: "gateway.alive")
    package static let gatewayStopped = EntryType(rawValue: "gateway.stopped")

    /// An administrator's act: `admin.` and its name.
    package static func admin(_ act: String) -> EntryType {
        EntryType(rawValue: "admin." + act)
    }
    /// The content of the session that it is about is destroyed for good.
    package static let erased = EntryType.admin("erased")
    /// The log's disk has little room; no new session begins.
    package static let diskLow = EntryType.admin("disk_low")
    package static let diskRecovered = EntryType.admin("disk_recovered")
    /// The data folder is being put under another vault key.
    package static let keyRotated = EntryType.admin("key_rotated")
    /// A new log goes on where another was ended; names that one's last known checkpoint.
    package static let newLog = EntryType.admin("new_log")
}
