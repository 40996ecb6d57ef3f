import DataMasking
import PostgresDialect
import Testing

@Suite struct SearchedValueTests {
    private let value = SearchedValue(
        Scanner([(.email, .redact), (.creditCard, .redact)]), MaskKey(bytes: Array(repeating: 1, count: 32)))

    private func masked(_ bytes: [UInt8], _ type: UInt32, format: Int16 = 1) -> [UInt8]? {
        var output: [UInt8] = []
        return switch bytes.withUnsafeBytes({ value.mask($0, type: type, format: format, into: &output) }) {
        case .unchanged: bytes
        case .replaced: output
        case .null: nil
        }
    }

    private func word(_ number: Int32) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }
    private func field(_ bytes: [UInt8]) -> [UInt8] { word(Int32(bytes.count)) + bytes }
    private let card = withUnsafeBytes(of: Int64(4_111_111_111_111_111).bigEndian) { Array($0) }
    private let five = withUnsafeBytes(of: Int64(5).bigEndian) { Array($0) }

    @Test func elementsOfArrays() {
        let head = word(1) + word(1) + word(25) + word(3) + word(1)
        let texts = head + field(Array("x".utf8)) + word(-1) + field(Array("u@example.com".utf8))
        #expect(masked(texts, 1009) == head + field(Array("x".utf8)) + word(-1) + field(Array("***".utf8)))
        let numbers = word(0) + word(20) + word(2) + word(1)
        let masked = masked(word(1) + numbers + field(five) + field(card), 1016)
        // The array has a null now and says so.
        #expect(masked == word(1) + word(1) + Array(numbers.dropFirst(4)) + field(five) + word(-1))
    }

    @Test func fieldsOfRecords() {
        let record = word(2) + word(20) + field(card) + word(25) + field(Array("a u@example.com".utf8))
        #expect(masked(record, 20_000) == word(2) + word(20) + word(-1) + word(25) + field(Array("a ***".utf8)))
        #expect(masked(record, 2249) == masked(record, 20_000))
    }

    @Test func scalars() {
        #expect(masked(card, 20) == nil)
        #expect(masked(five, 20) == five)
        // 4111111111111111.5 in base 10,000.
        let numeric: [UInt8] = [0, 5, 0, 3, 0, 0, 0, 1] + [0x10, 0x0F, 0x04, 0x57, 0x04, 0x57, 0x04, 0x57, 0x13, 0x88]
        #expect(masked(numeric, 1700) == nil)
        #expect(masked([0, 1, 0, 0, 0, 0, 0, 0, 0, 7], 1700) != nil)
        #expect(masked([0x02] + field(five) + field(card), 3926) == nil)
        #expect(masked(Array(#"\x7540652e636f6d"#.utf8), 17, format: 0) == Array(#"\x2a2a2a"#.utf8))
        #expect(masked([0xFF] + Array("u@example.com".utf8), 17)?.count == 14)
        #expect(masked([1] + Array(#"{"n":4111111111111111}"#.utf8), 3802) == [1] + Array(#"{"n":"***"}"#.utf8))
    }

    /// Bytes that lie, lengths among them: nothing traps, and what is text in an array is found all the same.
    @Test func hostileLengths() {
        var seed = UInt64.random(in: 1...UInt64.max)
        print("seed \(seed)")
        func next() -> UInt64 {
            seed ^= seed << 13
            seed ^= seed >> 7
            seed ^= seed << 17
            return seed
        }
        let array =
            word(1) + word(0) + word(25) + word(2) + word(1) + field(Array("x".utf8))
            + field(Array("u@example.com".utf8))
        let record = word(2) + word(20) + field(card) + word(25) + field(Array("u@example.com".utf8))
        for _ in 0..<20_000 {
            for (bytes, types) in [
                (array, [1009, 16_400, 1007] as [UInt32]), (record, [2249, 16_400, 3926, 4536, 1700, 869]),
            ] {
                var broken = bytes
                for _ in 0..<(1 + next() % 3) {
                    broken[Int(next() % UInt64(broken.count - 14))] = UInt8(truncatingIfNeeded: next())
                }
                if next() % 4 == 0 { broken.removeLast(Int(next() % 8)) }
                for type in types {
                    guard let output = masked(broken, type), bytes == array else { continue }
                    #expect(!String(decoding: output, as: UTF8.self).contains("u@example.com"))
                }
            }
        }
    }
}
