import DataMasking
import NIOCore

/// Looks at the text values of many rows in one pass of the detectors, to find the rows in which there is nothing: they go on
/// as they are. A pass has a price of its own, which for short rows is most of it.
struct RowBatch {
    /// Columns that one scanner reads.
    private struct Group {
        let scanner: Scanner
        var columns: [Int]
    }

    /// Rows at the front of the bytes at hand.
    struct Rows {
        /// Where each ends, from the first one's begin.
        var ends: [Int] = []
        /// By place: rows in which something may be found.
        var hits: UInt64 = 0
    }

    private static let mostRows = 64
    private static let mostBytes = 32 << 10

    private let columnCount: Int
    private let limit: Int
    private var groups: [Group] = []
    /// The values of one group with a zero byte behind each.
    private var joined: [UInt8] = []
    /// Where the values of each row begin in it.
    private var starts: [Int] = []

    /// Nil where a column is masked in another way than by detectors on plain text.
    init?(_ plan: MaskPlan, _ columns: [RowDescription.Column], limit: Int) {
        guard plan.actions.count == columns.count else { return nil }
        columnCount = columns.count
        self.limit = min(limit, Self.mostBytes)
        for (index, action) in plan.actions.enumerated() {
            switch action {
            case .pass: continue
            case .scan(let scanner):
                guard TypeShape.isPlainText(columns[index].type), scanner.canJoin else { return nil }
                if let group = groups.firstIndex(where: { $0.scanner == scanner }) {
                    groups[group].columns.append(index)
                } else {
                    groups.append(Group(scanner: scanner, columns: [index]))
                }
            case .mask, .json, .deny: return nil
            }
        }
    }

    /// Looks at the whole rows at the front of `source`; nil when there is none, or one that is not as it should be.
    mutating func look(_ source: ByteBuffer) -> Rows? {
        source.withUnsafeReadableBytes { bytes in
            var rows = ends(bytes)
            guard !rows.ends.isEmpty else { return nil }
            for index in groups.indices where !search(groups[index], bytes, &rows) { return nil }
            return rows
        }
    }

    private func ends(_ bytes: UnsafeRawBufferPointer) -> Rows {
        var rows = Rows()
        var start = 0
        while rows.ends.count < Self.mostRows, start + 7 <= bytes.count, bytes[start] == BackendType.dataRow {
            let length = Int(bytes.loadUnaligned(fromByteOffset: start + 1, as: Int32.self).bigEndian)
            guard length >= 6, length < limit, start + 1 + length <= bytes.count, start + 1 + length <= limit,
                Int(bytes.loadUnaligned(fromByteOffset: start + 5, as: UInt16.self).bigEndian) == columnCount
            else { break }
            start += 1 + length
            rows.ends.append(start)
        }
        return rows
    }

    /// - Returns: false for a malformed row, or when the detectors cannot tell.
    private mutating func search(_ group: Group, _ bytes: UnsafeRawBufferPointer, _ rows: inout Rows) -> Bool {
        joined.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        var start = 0
        for end in rows.ends {
            starts.append(joined.count)
            var position = start + 7
            var next = 0
            for column in 0..<columnCount {
                guard position + 4 <= end else { return false }
                let length = Int(bytes.loadUnaligned(fromByteOffset: position, as: Int32.self).bigEndian)
                position += 4
                let isWanted = next < group.columns.count && group.columns[next] == column
                if isWanted { next += 1 }
                if length == -1 { continue }
                guard length >= 0, length <= end - position else { return false }
                if isWanted, length > 0 {
                    joined.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[position..<position + length]))
                    joined.append(0)
                }
                position += length
            }
            guard position == end else { return false }
            start = end
        }
        var row = 0
        var hits: UInt64 = 0
        let isTold = joined.withUnsafeBytes { joined in
            group.scanner.search(joined: joined) { found in
                while row + 1 < starts.count, starts[row + 1] <= found.lowerBound { row += 1 }
                var last = row
                hits |= 1 << UInt64(last)
                while last + 1 < starts.count, starts[last + 1] < found.upperBound {
                    last += 1
                    hits |= 1 << UInt64(last)
                }
            }
        }
        rows.hits |= hits
        return isTold
    }
}
