import AuditLedger
import GatewayCore

/// What the tree says of one session, gathered entry by entry while its bundles go by.
struct SessionTally: Sendable {
    /// The sequence of the first entry in this tree: more than 0 of a session that is older than the tree.
    let first: UInt64
    /// The sequence that the next entry must have.
    var entries: UInt64
    var commands = 0
    var blocked = 0
    var held = 0
    var errors = 0
    var isClosed = false
    /// Over the leaf hashes of all its entries, in their order.
    var digest = MerkleTree.emptyRoot

    init(from first: UInt64 = 0) {
        self.first = first
        entries = first
    }

    /// Takes in the session's next entry.
    mutating func add(_ leaf: LeafFacts, hash: TreeHash) {
        entries &+= 1
        digest = MerkleTree.node(digest, hash)
        switch leaf.effect {
        case .command: commands += 1
        case .blocked:
            commands += 1
            blocked += 1
        case .held:
            commands += 1
            held += 1
        case .refused: blocked += 1
        case .error: errors += 1
        case .closed, .stopped: isClosed = true
        case .erased, .newLog, .none: break
        }
    }
}

/// The members of a leaf that a check asks for.
struct LeafFacts: Sendable {
    enum Effect: Sendable {
        case none
        case command
        case blocked
        case held
        /// A held command that was denied or expired.
        case refused
        /// An outcome that is an error.
        case error
        case closed
        /// The gateway's own session is at its end; entries of the same run may still come.
        case stopped
        /// Another session's record was erased.
        case erased(RecordID)
        /// The log was begun anew here.
        case newLog
    }

    var session: RecordID
    var sequence: UInt64
    var effect: Effect

    /// Throws when the bytes are no leaf in canonical form; nil never comes of bytes that are one.
    init?(_ bytes: [UInt8]) throws(LeafReader.Failure) {
        let leaf = try Leaf(bytes)
        guard let session = leaf.session, let sequence = leaf.sequence, let type = leaf.type else { return nil }
        self.session = session
        self.sequence = sequence
        effect =
            switch type {
            case .commandAllowed: .command
            case .commandBlocked: .blocked
            case .commandHeld: .held
            case .commandDenied, .commandExpired, .commandDeferred: .refused
            case .commandOutcome: leaf["outcome"]?["kind"]?.string == OutcomeKind.error.rawValue ? .error : .none
            case .sessionClose: .closed
            case .gatewayStopped: .stopped
            case .newLog: .newLog
            case .erased:
                leaf["subject_session"]?.string.flatMap { RecordID($0) }.map { .erased($0) } ?? .none
            default: .none
            }
    }
}
