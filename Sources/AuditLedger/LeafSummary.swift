package import GatewayCore

/// The few members of a leaf that filing needs of every entry, read in one pass over its bytes without building a tree.
///
/// It looks only for what it needs: that a leaf is canonical as a whole is `Leaf`'s to check. It never reads beyond the
/// bytes, whatever they are.
package struct LeafSummary: Sendable, Equatable {
    package var session: RecordID
    package var sequence: UInt64
    package var time: Timestamp
    package var type: EntryType
    package var exchange: UInt64?
    /// It has commitments to content.
    package var hasContent: Bool
    package var outcome: OutcomeKind?
    /// The target's own code of a failed outcome.
    package var code: String?
    package var rows: Int64?
    package var reason: String?
    /// What the leaf tells of a command's meaning (classes, objects, rules, verb, verdict), as it is written: equal bytes,
    /// equal meaning.
    package var meaning: [UInt8] = []

    /// Nil when the bytes are no leaf.
    package init?(_ leaf: UnsafeRawBufferPointer) {
        guard leaf.count <= LeafEncoder.maximumLength else { return nil }
        var (session, sequence, time, type): (RecordID?, UInt64?, Int64?, EntryType?)
        var (version, exchange, rows): (Int64?, UInt64?, Int64?)
        var (hasContent, outcome, code, reason): (Bool, OutcomeKind?, String?, String?) = (false, nil, nil, nil)
        var meaning: [UInt8] = []
        var scan = JSONScan(leaf)
        let isWhole = scan.members { name, value in
            switch name.count {
            case 1 where name == "v": version = value.integer
            case 3 where name == "seq": sequence = value.integer.flatMap(UInt64.init(exactly:))
            case 4 where name == "time": time = value.integer
            case 4 where name == "type": type = value.word.map(EntryType.init(rawValue:))
            case 4 where name == "verb", 5 where name == "rules", 7 where name == "classes", 7 where name == "objects",
                7 where name == "verdict":
                meaning.append(contentsOf: name.bytes)
                meaning.append(contentsOf: value.bytes)
            case 6 where name == "counts":
                var counts = JSONScan(value.bytes)
                _ = counts.members { name, value in if name == "rows" { rows = value.integer } }
            case 6 where name == "reason": reason = value.word
            case 7 where name == "content": hasContent = true
            case 7 where name == "session": session = value.word.flatMap { RecordID($0) }
            case 7 where name == "outcome":
                var members = JSONScan(value.bytes)
                _ = members.members { name, value in
                    if name == "kind" { outcome = value.word.flatMap(OutcomeKind.init(rawValue:)) }
                    if name == "code" { code = value.word }
                }
            case 8 where name == "exchange": exchange = value.integer.flatMap(UInt64.init(exactly:))
            default: break
            }
        }
        guard isWhole, scan.isAtEnd, let session, let sequence, let time, let type,
            version == Int64(LeafEncoder.version)
        else { return nil }
        (self.session, self.sequence, self.time, self.type) = (session, sequence, Timestamp(microseconds: time), type)
        (self.exchange, self.hasContent, self.outcome) = (exchange, hasContent, outcome)
        (self.code, self.rows, self.reason, self.meaning) = (code, rows, reason, meaning)
    }
}
