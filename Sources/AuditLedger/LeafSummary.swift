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
    package var rows: Int64?
    package var reason: String?

    /// Nil when the bytes are no leaf.
    package init?(_ leaf: UnsafeRawBufferPointer) {
        guard leaf.count <= LeafEncoder.maximumLength else { return nil }
        var (session, sequence, time, type): (RecordID?, UInt64?, Int64?, EntryType?)
        var (version, exchange, rows): (Int64?, UInt64?, Int64?)
        var (hasContent, outcome, reason): (Bool, OutcomeKind?, String?) = (false, nil, nil)
        var scan = JSONScan(leaf)
        let isWhole = scan.members { name, value in
            switch name.count {
            case 1 where name == "v": version = value.integer
            case 3 where name == "seq": sequence = value.integer.flatMap(UInt64.init(exactly:))
            case 4 where name == "time": time = value.integer
            case 4 where name == "type": type = value.word.map(EntryType.init(rawValue:))
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
        (self.rows, self.reason) = (rows, reason)
    }
}
