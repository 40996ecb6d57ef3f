import CHyperscan
import DataMasking
import MaskingSamples

/// GB/s of the scanners and of the pattern engine alone, and the time of a row.
struct Throughput {
    let seed: UInt64
    let isShort: Bool
    private let key = MaskKey(bytes: Array(repeating: 1, count: 32))

    func run() throws {
        let size = isShort ? 4 << 20 : 16 << 20
        let few = text(size, values: { $0 % 50 == 0 ? 1 : 0 })
        let many = text(size, values: { _ in 2 })
        let literals = try RawDatabase(literals: DetectorLiterals.all)
        let naive = try RawDatabase(patterns: NaivePatterns.all)
        let fifty = Array(Choice.all.prefix(50))
        let ways: [(String, ([UInt8]) -> Void)] = [
            ("pattern engine, our literals, blocks of 64 KiB", { literals.scan($0, 64 << 10) }),
            ("pattern engine, our literals, 200 B calls", { literals.scan($0, 200) }),
            (
                "pattern engine, \(NaivePatterns.all.count) whole patterns, blocks of 64 KiB",
                { naive.scan($0, 64 << 10) }
            ),
            ("pattern engine, \(NaivePatterns.all.count) whole patterns, 200 B calls", { naive.scan($0, 200) }),
            ("block scanner, 5 detectors, 64 KiB", { block($0, Choice.scanner(Choice.five), 64 << 10) }),
            ("block scanner, 50 detectors, 64 KiB", { block($0, Choice.scanner(fifty), 64 << 10) }),
            (
                "block scanner, all \(Choice.all.count) detectors, 64 KiB",
                { block($0, Choice.scanner(Choice.all), 64 << 10) }
            ),
            ("block scanner, 5 detectors, 200 B rows", { block($0, Choice.scanner(Choice.five), 200) }),
            ("block scanner, 50 detectors, 200 B rows", { block($0, Choice.scanner(fifty), 200) }),
            (
                "block scanner, all \(Choice.all.count) detectors, 200 B rows",
                { block($0, Choice.scanner(Choice.all), 200) }
            ),
            ("stream scanner, all detectors, 8 KiB pieces", { stream($0, Choice.scanner(Choice.all), 8 << 10) }),
            ("stream scanner, all detectors, 512 B pieces", { stream($0, Choice.scanner(Choice.all), 512) }),
        ]
        print(
            "compiling all detectors: \(Table.number(Clock.best(of: 3) { _ = Choice.scanner(Choice.all) } * 1000, 0, 1)) ms"
        )
        print(
            "GB/s, one core, best of 3; few: a value each 5 KB, many: two in 300 bytes; ratios to the first line, x times the third"
        )
        print(
            Table.left("", 58), Table.right("few", 7), Table.right("many", 7), Table.right("ns/200 B", 9),
            Table.right("ratio", 12),
            Table.right("x whole", 12))
        var lines: [[Double]] = []
        for (name, body) in ways {
            let speeds = [few, many].map { text in Double(text.count) / Clock.best(of: 3) { body(text) } / 1e9 }
            lines.append(speeds)
            let engine = lines[0]
            let whole = lines[min(2, lines.count - 1)]
            print(
                Table.left(name, 58), Table.number(speeds[0], 7), Table.number(speeds[1], 7),
                Table.number(200 / speeds[0], 9, 0),
                Table.number(speeds[0] / engine[0], 7) + Table.number(speeds[1] / engine[1], 5),
                lines.count > 2
                    ? Table.number(speeds[0] / whole[0], 7, 1) + Table.number(speeds[1] / whole[1], 5, 1) : "")
        }
        print()
    }

    private func text(_ size: Int, values: (Int) -> Int) -> [UInt8] {
        var rows = RowGenerator(seed: seed, detectors: Choice.all)
        var text: [UInt8] = []
        text.reserveCapacity(size + 4096)
        var number = 0
        while text.count < size {
            text += Array(rows.row(values: values(number)).text.utf8)
            text.append(0x0A)
            number += 1
        }
        return text
    }

    private func block(_ text: [UInt8], _ scanner: Scanner, _ size: Int) {
        var output: [UInt8] = []
        text.withUnsafeBytes { text in
            var position = 0
            while position < text.count {
                let end = min(position + size, text.count)
                output.removeAll(keepingCapacity: true)
                _ = scanner.mask(UnsafeRawBufferPointer(rebasing: text[position..<end]), into: &output, key: key)
                position = end
            }
        }
    }

    private func stream(_ text: [UInt8], _ scanner: Scanner, _ size: Int) {
        var mask = StreamMask(scanner, key: key)
        var output: [UInt8] = []
        text.withUnsafeBytes { text in
            var position = 0
            while position < text.count {
                let end = min(position + size, text.count)
                output.removeAll(keepingCapacity: true)
                mask.take(UnsafeRawBufferPointer(rebasing: text[position..<end]), into: &output)
                position = end
            }
        }
        mask.finish(into: &output)
    }
}

/// The pattern engine without anything of ours around it: matches are counted and forgotten.
final class RawDatabase {
    struct Failure: Error { let message: String }

    private var database: OpaquePointer?
    private var scratch: OpaquePointer?

    convenience init(literals: [(text: String, isCaseless: Bool)]) throws {
        let digits = Array("0123456789abcdef")
        try self.init(
            patterns: literals.map { literal in
                (
                    literal.text.utf8.map { "\\x\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined(),
                    literal.isCaseless ? UInt32(HS_FLAG_CASELESS) : 0
                )
            })
    }

    init(patterns: [(String, UInt32)]) throws {
        let strings = patterns.map { Array($0.0.utf8CString) }
        let pointers = strings.map { string in
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: string.count)
            copy.initialize(from: string, count: string.count)
            return UnsafePointer<CChar>?(copy)
        }
        defer { for pointer in pointers { pointer?.deallocate() } }
        var problem: UnsafeMutablePointer<hs_compile_error_t>?
        guard
            hs_compile_multi(
                pointers, patterns.map(\.1), patterns.indices.map(UInt32.init), UInt32(patterns.count),
                UInt32(HS_MODE_BLOCK), nil, &database, &problem) == HS_SUCCESS,
            hs_alloc_scratch(database, &scratch) == HS_SUCCESS
        else { throw Failure(message: problem?.pointee.message.map { String(cString: $0) } ?? "no scratch") }
    }

    deinit {
        hs_free_scratch(scratch)
        hs_free_database(database)
    }

    func scan(_ text: [UInt8], _ size: Int) {
        var matches = 0
        text.withUnsafeBytes { text in
            let base = text.baseAddress?.assumingMemoryBound(to: CChar.self)
            var position = 0
            while position < text.count {
                let count = min(size, text.count - position)
                _ = hs_scan(
                    database, base.map { $0 + position }, UInt32(count), 0, scratch,
                    { _, _, _, _, context in
                        context?.assumingMemoryBound(to: Int.self).pointee += 1
                        return 0
                    }, &matches)
                position += count
            }
        }
    }
}

/// What one would write who leaves everything to regular expressions: shapes only, no check digits.
enum NaivePatterns {
    static let all: [(String, UInt32)] = [
        "[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,100}\\.[A-Za-z]{2,10}", "\\b(?:\\d[ -]?){13,19}\\b",
        "\\b[A-Z]{2}\\d{2}[A-Z0-9 ]{11,36}\\b", "\\b\\d{3}[- ]\\d{2}[- ]\\d{4}\\b",
        "\\+?\\d{1,3}[ .-]?\\(?\\d{2,4}\\)?[ .-]?\\d{3,4}[ .-]?\\d{3,4}",
        "\\b(?:\\d{1,3}\\.){3}\\d{1,3}\\b", "\\b(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\\b",
        "\\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\\b",
        "\\b\\d{9}\\b", "\\b\\d{10}\\b", "\\b\\d{11}\\b", "\\b\\d{3} \\d{3} \\d{4}\\b", "\\b\\d{8}[A-Z]\\b",
        "\\b\\d{3}\\.\\d{3}\\.\\d{3}-\\d{2}\\b",
        "\\b\\d{4} \\d{4} \\d{4}\\b", "\\b\\d{6}-\\d{4}\\b", "eyJ[A-Za-z0-9_-]{10,200}\\.[A-Za-z0-9_-]{10,200}",
        "-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----",
        "AKIA[A-Z2-7]{16}", "gh[pousr]_[A-Za-z0-9]{36}", "xox[abp]-[A-Za-z0-9-]{10,60}", "sk_live_[A-Za-z0-9]{16,40}",
        "://[^:@/ ]{1,60}:[^@/ ]{1,60}@", "(?i)(?:password|passwd|pwd|secret|token|api_key)['\": =]{1,5}[^ '\"]{6,60}",
    ].map { ($0, 0) }
}
