import HTTPContent
import Testing

@Suite struct JSONTokenReaderTests {
    /// The tokens, one word each; nil for a fault.
    private func read(_ text: String, isLines: Bool = false) -> String? { read(Array(text.utf8), isLines: isLines) }

    private func read(_ bytes: [UInt8], isLines: Bool = false) -> String? {
        var reader = JSONTokenReader(bytes, isLines: isLines)
        var words: [String] = []
        do throws(ContentFault) {
            while let token = try reader.token() {
                switch token {
                case .beginObject: words.append("{")
                case .endObject: words.append("}")
                case .beginArray: words.append("[")
                case .endArray: words.append("]")
                case .key(let text): words.append(String(decoding: reader.text(text), as: UTF8.self) + ":")
                case .string(let text): words.append("'" + String(decoding: reader.text(text), as: UTF8.self))
                case .number(let range): words.append(String(decoding: reader.bytes[range], as: UTF8.self))
                case .bool(let flag): words.append(flag ? "yes" : "no")
                case .null: words.append("null")
                }
            }
        } catch {
            return nil
        }
        return words.joined(separator: " ")
    }

    @Test(arguments: [
        ("1", "1"), ("-0", "-0"), ("0.50", "0.50"), ("1e5", "1e5"), ("1E-5", "1E-5"), ("-1.5e+10", "-1.5e+10"),
        ("true", "yes"), (" false ", "no"), ("null\r\n", "null"), ("\"\"", "'"), ("[]", "[ ]"), ("{}", "{ }"),
        ("[1,2]", "[ 1 2 ]"), ("{\"a\":1,\"a\":2}", "{ a: 1 a: 2 }"), ("[[],{}]", "[ [ ] { } ]"),
        ("{\"a\":{\"b\":[true,null]}}", "{ a: { b: [ yes null ] } }"), (" [ 1 , \"x\" ] ", "[ 1 'x ]"),
        (#""\u0061\n\/\"\\""#, "'a\n/\"\\"), (#""\ud83d\ude00""#, "'😀"), ("\"ä😀\"", "'ä😀"), ("\"\u{7f}\"", "'\u{7f}"),
        (#"{"\u0061":1}"#, "{ a: 1 }"),
    ])
    func valid(_ text: String, _ tokens: String) {
        #expect(read(text) == tokens)
    }

    @Test(arguments: [
        "", " ", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}",
        "{1:2}", "{a:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "1 2", "1]", "{}{}", "[}", "{]", "[1}", "{\"a\":1]",
        "tru", "trues", "True", "nul", "NaN", "Infinity", "-", "+1", "01", "-01", ".5", "1.", "1e", "1e+", "0x1", "1_0",
        "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00\"",
        "\"\\ud800\\ud800\"", "\"\\ud800x\"", "\"a\nb\"", "\"a\tb\"", "'a'", "\u{FEFF}1", "\u{A0}1", "1\u{0}", "//\n1",
        "1//",
        "/**/1", "[1]x", "{\"a\":'b'}", "\"\u{1}\"",
    ])
    func invalid(_ text: String) {
        #expect(read(text) == nil)
    }

    @Test(
        arguments: [
            [0xC0, 0x80], [0xC1, 0xA1], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80],
            [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80], [0xFF], [0xC3], [0xC3, 0x41], [0xE2, 0x82],
            [0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func notUTF8(_ bytes: [UInt8]) {
        #expect(read([0x22] + bytes + [0x22]) == nil)
        #expect(read([0x22] + bytes) == nil)
    }

    @Test func depthIsBounded() {
        let deepest = JSONTokenReader.deepest
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(read(nested(deepest)) != nil)
        #expect(read(nested(deepest + 1)) == nil)
        #expect(read(nested(100_000)) == nil)
        #expect(read(String(repeating: "{\"a\":", count: 100_000)) == nil)
    }

    @Test func lines() {
        #expect(read("1\n{}\r\n\n[2]\n", isLines: true) == "1 { } [ 2 ]")
        #expect(read("", isLines: true) == "")
        #expect(read("\n\n", isLines: true) == "")
        #expect(read("1\n2", isLines: true) == "1 2")
        #expect(read("1 2", isLines: true) == nil)
        #expect(read("{}{}", isLines: true) == nil)
        #expect(read("1\n2") == nil)
        #expect(read("1\nx", isLines: true) == nil)
    }

    /// However a text is changed, reading ends, and what is read as JSON is what another reader takes for it.
    @Test func mutations() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = Splitmix(seed)
        let text = Array(#"{"a": [1, -2.5e3, "x\u0061\n", {"b": true}], "c": null, "ä": "\ud83d\ude00"}"#.utf8)
        for _ in 0..<20_000 {
            var bytes = text
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes.insert(text[Int.random(in: 0..<text.count, using: &random)], at: at)
                }
            }
            guard read(bytes) != nil else { continue }
            #expect(String(validating: bytes, as: UTF8.self) != nil)
            #expect(isJSONToFoundation(bytes), "\(bytes)")
        }
    }
}

struct Splitmix: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
