/// Which checkpoint witnesses are asked to cosign, who did, and which one counts as published. A value: no clock, no I/O.
///
/// One checkpoint is the candidate until enough witnesses have signed it; then the newest one takes its place. So
/// witnesses of any speed meet on the same checkpoint, and none has to sign every one.
package struct CosignatureCollector: Sendable {
    package struct Candidate: Sendable {
        /// With the log's signature only, as it is sent to witnesses.
        package let bare: SignedNote
        package let checkpoint: Checkpoint
        /// Seconds of the caller's clock since which it waits.
        package let since: Double
        /// Positions in the list of witnesses.
        package fileprivate(set) var signed: Set<Int>
        fileprivate var note: SignedNote
    }

    private let keys: [NoteVerifierKey]
    /// Witnesses that must have signed before a checkpoint is published; 0 publishes at once.
    package let required: Int
    package private(set) var candidate: Candidate?
    private var newest: Candidate?
    /// The published note with the cosignatures that it has.
    package private(set) var published: SignedNote?

    /// `required` is at most the number of keys.
    package init(keys: [NoteVerifierKey], required: Int) {
        self.keys = keys
        self.required = min(max(required, 0), keys.count)
    }

    /// Takes a new checkpoint, larger than any before, signed by the log. Returns the note to publish now, if any. Throws
    /// when it is no checkpoint.
    package mutating func offer(_ note: SignedNote, at now: Double) throws(LedgerFormatError) -> SignedNote? {
        var offered = Candidate(
            bare: try SignedNote(
                text: note.text, signatures: note.signatures.filter { own in !keys.contains { own.isBy($0) } }),
            checkpoint: try Checkpoint(text: note.text), since: newest?.since ?? now, signed: [], note: note)
        // A checkpoint from before a restart may have cosignatures already.
        for (place, key) in keys.enumerated() where (try? note.verify([key])) != nil { offered.signed.insert(place) }
        if let candidate, !isWitnessed(candidate) {
            newest = offered
        } else {
            newest = nil
            candidate = offered
        }
        guard required == 0 || offered.signed.count >= required else { return nil }
        published = note
        return note
    }

    /// What the witness at `place` is to sign next; nil when there is nothing.
    package func next(for place: Int) -> Candidate? {
        guard let candidate, !candidate.signed.contains(place) else { return nil }
        return candidate
    }

    /// Takes a witness's answer to `asked`. Returns the note to publish now, if any; throws when the lines hold no valid
    /// cosignature of this witness.
    package mutating func add(_ lines: [UInt8], from place: Int, to asked: Candidate) throws -> SignedNote? {
        let key = [keys[place]]
        // Checked against what was asked for, whatever has become of it meanwhile.
        _ = try asked.bare.adding(lines: lines, by: key)
        var changed: SignedNote?
        if let published, published.text == asked.bare.text {
            self.published = try published.adding(lines: lines, by: key)
            changed = self.published
        }
        guard var current = candidate, current.bare.text == asked.bare.text else { return changed }
        current.note = try current.note.adding(lines: lines, by: key)
        current.signed.insert(place)
        candidate = current
        if changed == nil, required > 0, current.signed.count >= required {
            published = current.note
            changed = published
        }
        if isWitnessed(current), let newer = newest {
            candidate = newer
            newest = nil
        }
        return changed
    }

    /// Since when a checkpoint has waited for its witnesses; nil when none does.
    package var waitingSince: Double? {
        guard let candidate, !isWitnessed(candidate) else { return nil }
        return candidate.since
    }

    private func isWitnessed(_ candidate: Candidate) -> Bool { candidate.signed.count >= max(required, 1) }
}
