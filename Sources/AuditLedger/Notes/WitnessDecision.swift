/// A log as a witness knows it.
package struct WitnessedLog: Hashable, Sendable {
    package let origin: String
    /// The keys that may sign its checkpoints.
    package let keys: [NoteVerifierKey]
    /// What the witness cosigned last; nil when it never did.
    package var latest: TreeHead?

    package init(origin: String, keys: [NoteVerifierKey], latest: TreeHead?) {
        self.origin = origin
        self.keys = keys
        self.latest = latest
    }
}

/// A witness's answer to `add-checkpoint`, by the letter of C2SP tlog-witness.
package enum WitnessDecision: Hashable, Sendable {
    /// Store this head durably, then cosign. Reading the latest head, deciding and storing are one step that nothing else
    /// of this log comes between, or an older head could replace a newer one.
    case cosign(TreeHead)
    /// The body is none, or its old size is past its checkpoint's.
    case badRequest
    /// No signature by a key trusted for this log, or a wrong one.
    case forbidden
    /// Not a log of this witness.
    case notFound
    /// The witness has another size than the request thinks, or at this very size another root.
    case conflict(latestSize: UInt64)
    /// The proof does not lead from the latest head to the checkpoint.
    case unprocessable

    /// Decides; `log` is what the witness keeps for the request's origin, nil when that is nothing.
    package static func decide(_ request: AddCheckpointRequest, log: WitnessedLog?) -> WitnessDecision {
        guard let log, request.checkpoint.hasOrigin(log.origin) else { return .notFound }
        guard (try? request.note.verify(log.keys)) != nil else { return .forbidden }
        let head = request.checkpoint.head
        guard request.oldSize <= head.size else { return .badRequest }
        let latest = log.latest ?? .empty
        guard request.oldSize == latest.size else { return .conflict(latestSize: latest.size) }
        if latest.size == head.size {
            guard request.proof.isEmpty else { return .unprocessable }
            return latest.root == head.root ? .cosign(head) : .conflict(latestSize: latest.size)
        }
        let proof = ConsistencyProof(oldSize: latest.size, newSize: head.size, hashes: request.proof)
        guard (try? proof.verify(old: latest.root, new: head.root)) != nil else { return .unprocessable }
        return .cosign(head)
    }

    /// The status of the HTTP answer.
    package var status: Int {
        switch self {
        case .cosign: 200
        case .badRequest: 400
        case .forbidden: 403
        case .notFound: 404
        case .conflict: 409
        case .unprocessable: 422
        }
    }

    /// The answer's body of type `text/x.tlog.size`; nil for every decision but a conflict.
    package var conflictBody: [UInt8]? {
        guard case .conflict(let size) = self else { return nil }
        return Array("\(size)\n".utf8)
    }

    package static let conflictContentType = "text/x.tlog.size"
}
