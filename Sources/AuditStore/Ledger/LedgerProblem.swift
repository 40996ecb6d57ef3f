package import GatewayCore

/// The first bad thing that a check of the record found.
package struct LedgerProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong; a short stable word for programs.
    package enum Kind: String, Sendable, CaseIterable {
        /// The published checkpoint: missing, malformed, not signed by the log's key, of another log.
        case checkpoint
        /// What the signer signed last does not go with the checkpoint.
        case signer
        /// An earlier checkpoint that the tree does not extend.
        case since
        /// A file is missing, unreadable, or no part of a ledger.
        case file
        /// A tile that its entries do not lead to.
        case tile
        /// An entry that is none, or is not the one that the tree has.
        case entry
        /// An entry out of its session's sequence.
        case sequence
        /// The write-ahead log has other entries than the tree.
        case log
        /// A recording that cannot be read, or holds other entries than the tree.
        case recording
        /// Content that is not what its entry is committed to.
        case content
        /// The search index lacks a session or counts it otherwise.
        case index
        /// An evidence bundle that is not of its form.
        case bundle
    }

    package var kind: Kind
    package var reason: String
    /// Relative to the data folder, or to the bundle.
    package var file: String?
    /// Index of the entry in the log.
    package var index: UInt64?
    package var session: RecordID?

    package init(
        _ kind: Kind, _ reason: String, file: String? = nil, index: UInt64? = nil, session: RecordID? = nil
    ) {
        self.kind = kind
        self.reason = reason
        self.file = file
        self.index = index
        self.session = session
    }

    package var description: String {
        var places: [String] = []
        if let file { places.append(file) }
        if let index { places.append("entry \(index)") }
        if let session { places.append("session \(session)") }
        return "\(kind.rawValue): \(places.isEmpty ? "" : places.joined(separator: ", ") + ": ")\(reason)"
    }
}

/// How far a check has come.
package struct LedgerCheckProgress: Sendable, Hashable {
    package enum Stage: String, Sendable {
        case entries
        case files
        case log
        case sessions
    }

    package var stage: Stage
    package var done: UInt64
    package var total: UInt64
}

/// What a check that found nothing bad has seen.
package struct LedgerSummary: Sendable, Hashable {
    package var origin: String
    package var size: UInt64
    /// Base64.
    package var root: String
    /// Names of the known witnesses that signed the checkpoint too.
    package var witnesses: [String] = []
    /// Sessions with an entry in the log.
    package var sessions: UInt64 = 0
    /// Sessions whose last entry is not their closing one.
    package var openSessions: UInt64 = 0
    package var tiles: UInt64 = 0
    package var bundles: UInt64 = 0
    /// Entries in the log's segments that were compared with the tree.
    package var logEntries: UInt64 = 0
    /// Entries of the log that the checkpoint does not cover yet.
    package var uncovered: UInt64 = 0
    /// Items of content that are what their entries are committed to.
    package var contents: UInt64 = 0
    /// Items whose key was destroyed.
    package var erased: UInt64 = 0
    /// Sessions that the index does not have any more since they were erased.
    package var erasedSessions: UInt64 = 0
    /// Items recorded in part or not tied to one exchange, whose digest cannot be made again.
    package var partial: UInt64 = 0
    /// Whether content, recordings and index were looked at.
    package var hasRecord = false
    /// The size of the earlier checkpoint that the tree extends.
    package var since: UInt64?
}
