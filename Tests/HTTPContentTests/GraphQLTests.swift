import HTTPContent
import Testing

@Suite struct GraphQLTests {
    /// `kind name: fields` of each operation; nil for a fault.
    private func read(_ text: String) -> [String]? {
        (try? GraphQLDocument(Array(text.utf8)))?.operations.map { operation in
            operation.kind.rawValue + (operation.name.map { " " + $0 } ?? "") + ": "
                + operation.fields.sorted().joined(separator: " ")
        }
    }

    @Test(arguments: [
        ("{a}", ["query: a"]), ("{ a b c }", ["query: a b c"]), ("query{a}", ["query: a"]),
        ("query Q { a }", ["query Q: a"]),
        ("mutation M($a: Int!, $b: [[X!]!]! = [1] @d) @e(f: 1) { a(x: $a) { b } }", ["mutation M: a"]),
        ("subscription { a }", ["subscription: a"]), ("{ x: a, y: a }", ["query: a"]),
        ("{a(b:{c:[{d:$e}]})}", ["query: a"]),
        ("{a @include(if: false) b @skip(if: true)}", ["query: a b"]), ("{...{a}}", ["query: a"]),
        ("{... on T @d {a}}", ["query: a"]), ("{...F} fragment F on T @d {a}", ["query: a"]),
        ("fragment F on T {a ...G} fragment G on T {b ...F} {...F c}", ["query: a b c"]),
        (
            "query query { query } mutation mutation { mutation }",
            ["query query: query", "mutation mutation: mutation"]
        ),
        ("{ fragment on true null type }", ["query: fragment null on true type"]),
        ("{a(s:\"x\\\"}\\u0041\\u{1F600}\")}", ["query: a"]), ("{a(s:\"\")}", ["query: a"]),
        ("{a(s:\"\"\"\"\"\")}", ["query: a"]),
        ("{a(s:\"\"\" \"quoted\" \"\" \\\"\"\" \n } \"\"\") b}", ["query: a b"]),
        ("# {b}\r{a}", ["query: a"]), ("{a # }\n b}", ["query: a b"]),
        ("\u{FEFF},{\u{FEFF}a,,,b\u{FEFF}}", ["query: a b"]),
        ("{a(n:-0 m:0.5e-3 o:1E5)}", ["query: a"]), ("{a(e:E l:[] o:{})}", ["query: a"]),
        ("{ _a __typename a1 }", ["query: __typename _a a1"]),
        ("{a(s:\"#\") #\"\n b}", ["query: a b"]),
    ])
    func valid(_ text: String, _ operations: [String]) {
        #expect(read(text) == operations)
    }

    @Test(arguments: [
        "", " ", "#a", "{", "}", "{}", "{a", "{a}}", "a", "query", "query Q", "query Q()", "query Q() {a}", "{a()}",
        "{a(b)}", "{a(b:)}",
        "{a:}", "{:a}", "{a:b:c}", "{..a}", "{.a}", "{...}", "{...on}", "{...on T}", "{...F}", "fragment F on T {a}",
        "{...F} fragment F {a}", "{...on} fragment on on T {a}", "{...F} fragment F on T {a} fragment F on T {b}",
        "{...F} fragment F($a: Int) on T {a}", "type T {a: B}", "schema {query: Q}", "{a} scalar S",
        "extend type Q {a: B}",
        "\"description\" {a}", "{a(b:01)}", "{a(b:1.)}", "{a(b:.5)}", "{a(b:1e)}", "{a(b:0x1)}", "{a(b:1a)}",
        "{a(b:1.2.3)}",
        "{a(b:--1)}", "{a(b:\"x)}", "{a(b:\"x\ny\")}", "{a(b:\"\"\"x)}", "{a(b:\"\\x\")}", "{a(b:\"\\u12\")}",
        "{a(b:\"\\u{}\")}",
        "{a(b:\"\\u{123456789}\")}", "{ä}", "{a\u{0}}", "{a\u{A0}b}", "{a;b}", "{a @}", "{a @d(}", "query Q($a) {a}",
        "query Q($a:) {a}",
        "query Q(a: Int) {a}", "query Q($a: [Int) {a}", "query Q($a: Int!!) {a}", "{a(b:$)}", "{a(b:[1)}", "{a(b:{c})}",
        "mutation @d", "query {a} query", "{a}{", "Query {a}", "MUTATION {a}", "{a(s:\"\u{1}\")}", "{a} #\u{0}",
        "'", "{a(b:'x')}", "{a} &", "{a & b}", "{a | b}", "{a(b:1)!}",
    ])
    func invalid(_ text: String) {
        #expect(read(text) == nil)
    }

    @Test func bytesThatAreNoUTF8() {
        for bytes: [UInt8] in [[0xFF], [0xC1, 0xA1], [0xED, 0xA0, 0x80], [0xEF, 0xBB]] {
            #expect((try? GraphQLDocument(Array("{a(b:\"".utf8) + bytes + Array("\")}".utf8))) == nil)
            #expect((try? GraphQLDocument(Array("#".utf8) + bytes + Array("\n{a}".utf8))) == nil)
            #expect((try? GraphQLDocument(Array("{a}".utf8) + bytes)) == nil)
        }
    }

    @Test func operationsByName() throws {
        let document = try GraphQLDocument(Array("query A {a} mutation B {b} query C {c}".utf8))
        func names(_ name: String?) -> [String?] { document.operations(named: name).map(\.name) }
        #expect(names("B") == ["B"])
        #expect(names(nil) == ["A", "B", "C"])
        #expect(names("") == ["A", "B", "C"])
        #expect(names("b") == ["A", "B", "C"])
        #expect(names("D") == ["A", "B", "C"])
        let twice = try GraphQLDocument(Array("query A {a} mutation A {b}".utf8))
        #expect(twice.operations(named: "A").count == 2)
        // One operation runs, or none does.
        #expect(try GraphQLDocument(Array("mutation A {a}".utf8)).operations(named: "B").count == 1)
        let nameless = try GraphQLDocument(Array("{a} mutation {b}".utf8))
        #expect(nameless.operations(named: nil).count == 2)
    }

    @Test func limits() {
        func fault(_ text: String) -> ContentFault.Kind? {
            do throws(ContentFault) {
                _ = try GraphQLDocument(Array(text.utf8))
                return nil
            } catch {
                return error.kind
            }
        }
        func nested(_ depth: Int) -> String {
            String(repeating: "{a", count: depth) + String(repeating: "}", count: depth)
        }
        #expect(fault(nested(GraphQLDocument.deepest)) == nil)
        #expect(fault(nested(GraphQLDocument.deepest + 1)) == .tooLarge)
        #expect(fault(nested(100_000)) == .tooLarge)
        #expect(fault("{a(b:" + String(repeating: "[", count: 100_000)) == .tooLarge)
        #expect(fault("query Q($a:" + String(repeating: "[", count: 100_000)) == .tooLarge)
        #expect(fault("{" + String(repeating: "a ", count: GraphQLDocument.mostTokens - 2) + "}") == nil)
        #expect(fault("{" + String(repeating: "a ", count: GraphQLDocument.mostTokens - 1) + "}") == .tooLarge)
        // Small documents whose fragments grow.
        let fields = (0..<3000).map { "f\($0)" }.joined(separator: " ")
        let many = String(repeating: "query {...F} ", count: 1000) + "fragment F on T {\(fields)}"
        #expect(fault(many) == .tooLarge)
        let doubling = (0..<100).map { "fragment F\($0) on T {...F\($0 + 1) ...F\($0 + 1)} " }.joined()
        #expect(fault("{...F0} " + doubling + "fragment F100 on T {a}") == nil)
    }

    @Test func mutations() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = Splitmix(seed)
        let text = Array(
            "query Q($a: [Int!] = [1, -2.5e3]) @d { x: me(b: {c: \"s\\u0041\", d: \"\"\"b \\\"\"\" \"\"\"}) { ...F } ... on T { y } } fragment F on T { z }"
                .utf8)
        for _ in 0..<20_000 {
            var bytes = text
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes.insert(text[Int.random(in: 0..<text.count, using: &random)], at: at)
                }
            }
            guard let document = try? GraphQLDocument(bytes) else { continue }
            #expect(!document.operations.isEmpty)
        }
    }
}

@Suite struct MediaTypeTests {
    @Test func valid() {
        func read(_ text: String) -> MediaType? { MediaType(Array(text.utf8)) }
        #expect(read("Application/JSON") == MediaType(name: "application/json"))
        #expect(read("a/b; C=\"d e\";f=g ;") == MediaType(name: "a/b", parameters: ["c": "d e", "f": "g"]))
        for text in [
            "", "json", "/json", "a/", "a/b/c", "a/b c", "a/b,c/d", "a/b; c", "a/b; c=", "a/b; =d", "a/b; c=\"d",
            "a/b; c=\"\\d\"",
            "a/b; c=d; C=e", "a/b c=d", "ä/b", "a/b; c=d e", " a/b", "a /b",
        ] {
            #expect(read(text) == nil, "\(text)")
        }
        #expect(read("a/b; charset=utf-8")?.isUTF8 == true)
        #expect(read("a/b; charset=UTF8")?.isUTF8 == true)
        #expect(read("a/b")?.isUTF8 == true)
        #expect(read("a/b; charset=utf-16")?.isUTF8 == false)
        #expect(read("a/vnd.x+json")?.isJSON == true)
        #expect(read("a/json")?.isJSON == false)
    }
}
