import NIOCore
import PostgresDialect
import Testing

/// Values in binary format, as people read them; the bytes are those that PostgreSQL 15 sends.
@Suite struct ReadableScalarTests {
    private func text(_ type: UInt32, _ bytes: [UInt8]) -> String? {
        bytes.withUnsafeBytes { ReadableScalar.text($0, type: type) }.map { String(decoding: $0, as: UTF8.self) }
    }

    private func words(_ words: Int...) -> [UInt8] {
        words.flatMap { word in
            let bits = UInt16(truncatingIfNeeded: word)
            return [UInt8(bits >> 8), UInt8(bits & 0xFF)]
        }
    }

    private func big<I: FixedWidthInteger>(_ value: I) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    @Test func numbers() {
        let cases: [([UInt8], String?)] = [
            (words(0, 0, 0, 0), "0"), (words(0, 0, 0, 2), "0.00"), (words(1, 0, 0, 0, 7), "7"),
            (words(2, 0, 0x4000, 3, 1234, 5000), "-1234.500"), (words(2, 1, 0, 0, 1, 2345), "12345"),
            (words(1, 1, 0, 0, 1), "10000"), (words(1, -1, 0, 4, 25), "0.0025"), (words(1, -2, 0, 8, 1), "0.00000001"),
            (words(3, 0, 0, 6, 1, 10, 100), "1.001001"), (words(0, 0, 0xC000, 0), "NaN"),
            (words(0, 0, 0xD000, 0), "Infinity"), (words(0, 0, 0xF000, 0), "-Infinity"),
            // None of the type's.
            (words(1, 0, 0, 0), nil), (words(1, 0, 0, 0, 10_000), nil), (words(0, 0, 1, 0), nil), ([], nil),
            ([0, 0, 0], nil), (words(0, 0, 0, 0x7FFF), nil),
        ]
        for (bytes, expected) in cases { #expect(text(TypeOID.numeric, bytes) == expected, "\(bytes)") }
    }

    @Test func times() {
        let day: Int64 = 86_400_000_000
        #expect(text(TypeOID.date, big(Int32(0))) == "2000-01-01")
        #expect(text(TypeOID.date, big(Int32(-1))) == "1999-12-31")
        #expect(
            text(TypeOID.date, big(Int32(60))) == "2000-03-01" && text(TypeOID.date, big(Int32(59))) == "2000-02-29")
        #expect(text(TypeOID.date, big(Int32(-730_119))) == "0001-01-01")
        #expect(text(TypeOID.date, big(Int32(-730_120))) == "0001-12-31 BC")
        #expect(text(TypeOID.date, big(Int32(2_921_939))) == "9999-12-31")
        #expect(text(TypeOID.date, big(Int32.max)) == "infinity" && text(TypeOID.date, big(Int32.min)) == "-infinity")
        #expect(text(TypeOID.time, big(Int64(0))) == "00:00:00" && text(TypeOID.time, big(day)) == "24:00:00")
        #expect(text(TypeOID.time, big(Int64(3_723_000_004))) == "01:02:03.000004")
        #expect(text(TypeOID.time, big(Int64(-1))) == nil && text(TypeOID.time, big(day + 1)) == nil)
        #expect(text(TypeOID.timestamp, big(Int64(-1))) == "1999-12-31 23:59:59.999999")
        #expect(text(TypeOID.timestamp, big(day + 1_000_000)) == "2000-01-02 00:00:01")
        #expect(text(TypeOID.timestamptz, big(Int64(0))) == "2000-01-01 00:00:00+00")
        #expect(text(TypeOID.timestamptz, big(Int64.max)) == "infinity")
        #expect(text(TypeOID.timestamp, big(Int64.min)) == "-infinity")
        for type in [TypeOID.date, TypeOID.time, TypeOID.timestamp, TypeOID.timestamptz] {
            #expect(text(type, []) == nil && text(type, [1, 2, 3]) == nil && text(type, big(Int64(0)) + [0]) == nil)
        }
        // The ends of what the type holds.
        #expect(
            text(TypeOID.timestamp, big(Int64.max - 1)) != nil && text(TypeOID.timestamp, big(Int64.min + 1)) != nil)
        #expect(text(TypeOID.date, big(Int32.max - 1)) != nil && text(TypeOID.date, big(Int32.min + 1)) != nil)
    }

    @Test func addresses() {
        #expect(text(TypeOID.inet, [2, 32, 0, 4, 10, 0, 0, 1]) == "10.0.0.1")
        #expect(text(TypeOID.inet, [2, 24, 0, 4, 10, 0, 0, 1]) == "10.0.0.1/24")
        #expect(text(TypeOID.cidr, [2, 8, 1, 4, 10, 0, 0, 0]) == "10.0.0.0/8")
        #expect(
            text(TypeOID.inet, [3, 128, 0, 16] + [UInt8](repeating: 0, count: 15) + [1])
                == "0000:0000:0000:0000:0000:0000:0000:0001")
        #expect(text(TypeOID.macaddr, [8, 0, 43, 1, 2, 3]) == "08:00:2b:01:02:03")
        #expect(text(TypeOID.inet, []) == nil && text(TypeOID.inet, [2, 32, 0, 9, 1]) == nil)
    }

    @Test func otherTypesAreNone() {
        for type: UInt32 in [TypeOID.bytea, 0, 1186, 16_385] { #expect(text(type, [1, 2, 3, 4, 5, 6, 7, 8]) == nil) }
    }

    /// Any bytes whatsoever give a text or nothing.
    @Test func anyBytes() {
        var generator = SystemRandomNumberGenerator()
        let types = [
            TypeOID.numeric, TypeOID.date, TypeOID.time, TypeOID.timestamp, TypeOID.timestamptz, TypeOID.inet,
            TypeOID.cidr, TypeOID.macaddr, TypeOID.macaddr8,
        ]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...24)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            guard let type = types.randomElement() else { continue }
            if let found = text(type, bytes) { #expect(found.utf8.count <= 160_000, "\(type) \(bytes)") }
        }
    }

    @Test func whatTheServerSaysOfParameters() {
        func message(_ body: [UInt8]) -> ByteBuffer { ByteBuffer(bytes: [UInt8(ascii: "t"), 0, 0, 0, 0] + body) }
        #expect(ParameterDescription(message([0, 2, 0, 0, 0, 25, 0, 0, 6, 164]))?.types == [25, 1700])
        #expect(ParameterDescription(message([0, 0]))?.types == [])
        for bad: [UInt8] in [[], [0], [0, 1], [0, 1, 0, 0, 0], [0, 0, 0], [255, 255, 0, 0, 0, 1]] {
            #expect(ParameterDescription(message(bad)) == nil, "\(bad)")
        }
    }
}
