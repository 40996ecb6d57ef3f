import Crypto
import DataMasking
import Testing

private let key = MaskKey(bytes: Array(repeating: 7, count: 32))

private func masked(_ value: [UInt8], _ method: MaskMethod, key: MaskKey = key) -> [UInt8]? {
    var output: [UInt8] = []
    let kept = value.withUnsafeBytes { method.apply(to: $0, into: &output, key: key) }
    return kept ? output : nil
}

@Suite struct MaskMethodTests {
    @Test(arguments: [
        ("4111 1111 1111 1111", "**** **** **** 1111"),
        ("4111-1111-1111-1111", "****-****-****-1111"),
        ("378282246310005", "***********0005"),
        ("ada@example.com", "a***@example.com"),
        ("österreich@example.at", "ö***@example.at"),
        ("Ada Lovelace", "********lace"),
        ("12345678", "****5678"),
        ("1234567", "*******"),
        ("", ""),
        ("ключевое", "****евое"),
        ("ключ", "****"),
        ("not@mail", "****mail"),
        ("see ada@example.com", "***************.com"),
    ])
    func partialByShape(value: String, expected: String) {
        #expect(masked(Array(value.utf8), .partial) == Array(expected.utf8))
    }

    @Test func partialCountsBrokenBytesAsCharacters() {
        // A lone continuation byte, a lead byte without its tail, and bytes that never occur.
        let value: [UInt8] = [0x80, 0xE2, 0x82, 0xFF, 0xFE, 0xC3] + Array("abcd".utf8)
        #expect(masked(value, .partial) == Array("*****abcd".utf8))
    }

    @Test func redactTellsNothingOfTheLength() {
        #expect(masked(Array("x".utf8), .redact) == masked(Array(repeating: 65, count: 100), .redact))
    }

    @Test func nullAppendsNothing() {
        #expect(masked([1, 2, 3], .null) == nil)
    }

    @Test func hashIsThePublishedHMAC() throws {
        // RFC 4231 test case 1.
        let rfc = MaskKey(bytes: Array(repeating: 0x0B, count: 20))
        #expect(masked(Array("Hi There".utf8), .hash, key: rfc) == Array("b0344c61d8db3853".utf8))
    }

    @Test func hashDependsOnKeyAndValueOnly() {
        let other = MaskKey(bytes: Array(repeating: 8, count: 32))
        let value = Array("ada".utf8)
        #expect(masked(value, .hash) == masked(value, .hash))
        #expect(masked(value, .hash) != masked(value, .hash, key: other))
        #expect(masked(value, .hash) != masked(Array("adb".utf8), .hash))
    }

    @Test(arguments: [
        ("'secret'", MaskMethod.redact, "'***'"),
        ("E'a\\'b'", .redact, "'***'"),
        ("$$secret$$", .redact, "'***'"),
        ("$tag$secret$tag$", .redact, "'***'"),
        ("12345", .redact, "'***'"),
        ("'secret'", .null, "NULL"),
        ("'ada@example.com'", .partial, "'a***@example.com'"),
        ("'12345678'", .partial, "'****5678'"),
        ("'1234567''8'", .partial, "'******7''''8'"),
        ("E'aaaaaaaa\\'", .partial, "'*****aaa*'"),
        ("$$unfinished", .partial, "'***'"),
        ("$tag$short$tag", .partial, "'***'"),
        ("'", .partial, "'***'"),
        ("", .partial, "'***'"),
        ("whatever", .partial, "'***'"),
    ])
    func literalsStayLiterals(token: String, method: MaskMethod, expected: String) {
        let result = LiteralMask.mask(Array(token.utf8), method: method, key: key)
        #expect(String(decoding: result, as: UTF8.self) == expected)
    }
}
