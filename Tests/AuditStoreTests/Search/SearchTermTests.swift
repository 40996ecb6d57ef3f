import AuditStore
import GatewayCore
import Testing

@Suite struct SearchTermTests {
    private func place(_ term: String, _ text: String) throws -> String? {
        let term = try #require(SearchTerm(term))
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { term.range(in: $0) }.map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test func aTermIsFoundInAnyCase() throws {
        #expect(try place("delete", "xx DELETE from") == "DELETE")
        #expect(try place("DeLeTe", "delete") == "delete")
        #expect(try place("aab", "aaab") == "aab")
        #expect(try place("@[`{", "@[`{") == "@[`{")
        // Bytes that differ from a letter by the bit of its case only.
        #expect(try place("[", "{") == nil)
        #expect(try place("@", "`") == nil)
        #expect(try place("müller", "SELECT 'MÜLLER'") == "MÜLLER")
        #expect(try place("MÜLLER", "müller") == "müller")
        #expect(try place("ς", "Ω ς") == "ς")
        #expect(try place("客户", "SELECT '客户表'") == "客户")
        #expect(try place("a\0b", "xA\0By") == "A\0B")
        #expect(try place("longer than the text", "short") == nil)
        #expect(SearchTerm("") == nil)
    }

    @Test func bytesThatAreNoTextAreComparedAsTheyAre() throws {
        let term = try #require(SearchTerm("abc"))
        let cased = try #require(SearchTerm("é"))
        let text: [UInt8] = [0xFF, 0x41, 0x42, 0x43, 0xC3, 0xA9]
        #expect(text.withUnsafeBytes { term.range(in: $0) } == 1..<4)
        #expect(text.withUnsafeBytes { cased.range(in: $0) } == 4..<6)
    }

    @Test func wordsAndPhrases() throws {
        func words(_ text: String) throws -> [String] {
            try SearchTerms(text).terms.map { String(decoding: $0.bytes, as: UTF8.self) }
        }
        #expect(try words("Delete  FROM\torders") == ["delete", "from", "orders"])
        #expect(try words(#""delete from" orders"#) == ["delete from", "orders"])
        // Quotes that enclose nothing, or are never closed, or are in a word, are looked for.
        #expect(try words(#""""#) == [#""""#])
        #expect(try words(#""delete from"#) == [#""delete"#, "from"])
        #expect(try words(#"a"b c"d"#) == [#"a"b"#, #"c"d"#])
        #expect(try words(#""a"b c""#) == [#"a"b c"#])
        for text in ["", "   ", "\n"] {
            #expect(throws: GatewayError.self, "\(text)") { try SearchTerms(text) }
        }
        #expect(throws: GatewayError.self) { try SearchTerms(String(repeating: "x", count: 513)) }
        #expect(throws: GatewayError.self) { try SearchTerms(String(repeating: "x", count: 1 << 20)) }
        #expect(throws: GatewayError.self) { try SearchTerms(Array(repeating: "w", count: 17).joined(separator: " ")) }
    }

    @Test func theIndexIsAskedForWhatEveryMatchHolds() throws {
        #expect(try SearchTerms("ab").gramQuery == nil)
        #expect(try SearchTerms("abcd").gramQuery == #""abc" AND "bcd""#)
        #expect(try SearchTerms(#"a"b"#).gramQuery == #""a""b""#)
        // Letters that the index may fold in another way are left to the comparison; so is a NUL.
        #expect(try SearchTerms("éab").gramQuery == nil)
        #expect(try SearchTerms("a\0bcd").gramQuery == #""bcd""#)
        #expect(try SearchTerms(String(repeating: "a", count: 500)).gramQuery == #""aaa""#)
        let many = try #require(SearchTerm((0..<100).map { String($0) }.joined()))
        #expect(many.grams.count == 12)
    }

    @Test func aCursorIsGoodForItsSearchOnly() throws {
        let sealer = SearchCursor(vaultKey: vaultKey)
        func own(_ subject: String) -> Principal {
            Principal(issuer: "https://idp", subject: subject, groups: [], isPersonIssuer: true)
        }
        var query = SearchQuery(limit: 10)
        query.viewer = own("anna")
        query.terms = try SearchTerms("one two")
        let cursor = sealer.seal(7, for: query)
        #expect(try sealer.open(cursor, for: query) == 7)
        var same = query
        same.limit = 99
        #expect(try sealer.open(cursor, for: same) == 7)
        var others: [SearchQuery] = []
        func other(_ change: (inout SearchQuery) throws -> Void) rethrows {
            var changed = query
            try change(&changed)
            others.append(changed)
        }
        other { $0.viewer = own("bob") }
        other { $0.viewer = nil }
        try other { $0.terms = try SearchTerms("one") }
        try other { $0.terms = try SearchTerms("onetwo") }
        other { $0.principal = "x" }
        other { $0.agent = "x" }
        other { $0.verdict = .block }
        other { $0.since = Timestamp(microseconds: 0) }
        other { $0.until = Timestamp(microseconds: 0) }
        for other in others { #expect(throws: GatewayError.self) { try sealer.open(cursor, for: other) } }
        for bad in [
            "", "7", cursor + "00", "zz" + cursor.dropFirst(2), "00" + cursor.dropFirst(2) + "00", "ÿ",
            String(repeating: "0", count: 48), String(repeating: "a", count: 1 << 20),
        ] {
            #expect(throws: GatewayError.self, "\(bad.prefix(60))") { try sealer.open(bad, for: query) }
        }
        var flipped = Array(cursor.utf8)
        flipped[15] ^= 1
        #expect(throws: GatewayError.self) { try sealer.open(String(decoding: flipped, as: UTF8.self), for: query) }
    }
}
