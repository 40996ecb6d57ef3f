import DataMasking
import MaskingSamples

/// Recall and precision by detector, on rows whose values are known to the byte.
struct Quality {
    let seed: UInt64
    let isShort: Bool

    private struct Count {
        var truth = 0
        var alone = 0
        var together = 0
        var finds = 0
        var right = 0
    }

    func run() {
        let each = isShort ? 40 : 200
        var counts: [String: Count] = [:]
        var rows: [TruthRow] = []
        // Each detector has rows of its own kind, and the rows of all others as what it must leave alone.
        for (index, name) in Choice.all.enumerated() {
            var generator = RowGenerator(seed: seed &+ UInt64(index), detectors: [name])
            for _ in 0..<each { rows.append(generator.row(values: 1)) }
            var plain = RowGenerator(seed: seed &+ 1000 &+ UInt64(index), detectors: Choice.all)
            for _ in 0..<each / 2 { rows.append(plain.row(values: 0)) }
        }
        let all = Choice.scanner(Choice.all)
        for row in rows {
            let edits = all.scan(Array(row.text.utf8))
            for value in row.values {
                counts[value.detector, default: Count()].truth += 1
                if Self.covers(edits, value.range) { counts[value.detector, default: Count()].together += 1 }
            }
        }
        for name in Choice.all {
            let scanner = Choice.scanner([name])
            for row in rows {
                let edits = scanner.scan(Array(row.text.utf8))
                for value in row.values where value.detector == name && Self.covers(edits, value.range) {
                    counts[name, default: Count()].alone += 1
                }
                counts[name, default: Count()].finds += edits.count
                counts[name, default: Count()].right +=
                    edits.count { edit in
                        row.values.contains { $0.detector == name && $0.range.overlaps(edit.range) }
                    }
            }
        }
        report(counts, rows.count)
    }

    private static func covers(_ edits: [MaskEdit], _ range: Range<Int>) -> Bool {
        edits.contains { $0.range.lowerBound <= range.lowerBound && $0.range.upperBound >= range.upperBound }
    }

    private func report(_ counts: [String: Count], _ rows: Int) {
        print("recall and precision on \(rows) rows; a find of another detector's value counts as wrong")
        print(
            Table.left("detector", 22), Table.right("values", 7), Table.right("recall", 8), Table.right("with all", 9),
            Table.right("finds", 7), Table.right("precision", 10))
        var sum = Count()
        for name in Choice.all {
            let count = counts[name] ?? Count()
            sum.truth += count.truth
            sum.alone += count.alone
            sum.together += count.together
            sum.finds += count.finds
            sum.right += count.right
            line(name, count)
        }
        line("all", sum)
    }

    private func line(_ name: String, _ count: Count) {
        let truth = Double(max(count.truth, 1))
        print(
            Table.left(name, 22), Table.right(String(count.truth), 7), Table.number(Double(count.alone) / truth, 8, 3),
            Table.number(Double(count.together) / truth, 9, 3), Table.right(String(count.finds), 7),
            Table.number(Double(count.right) / Double(max(count.finds, 1)), 10, 3))
    }
}
