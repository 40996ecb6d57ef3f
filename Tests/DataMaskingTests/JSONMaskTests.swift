import DataMasking
import GatewayCore
import Testing

@Suite struct JSONMaskTests {
    private let key = MaskKey(bytes: Array(repeating: 1, count: 32))

    private func masked(_ text: String, _ paths: [String], _ method: MaskMethod = .redact, detect: [Detector] = [])
        throws
        -> String?
    {
        let scanner = detect.isEmpty ? nil : Scanner(detect.map { ($0, method) })
        let mask = JSONMask(
            paths: try paths.map { (try #require(JSONPath($0)), method) }, scanner: scanner)
        var output: [UInt8] = []
        return switch Array(text.utf8).withUnsafeBytes({ mask.mask($0, into: &output, key: key) }) {
        case .unchanged?: text
        case .replaced?: String(decoding: output, as: UTF8.self)
        case .null?: "NULL"
        case nil: nil
        }
    }

    @Test(arguments: [
        ("$.a", #"{"a": 1, "b": 2}"#, #"{"a": "***", "b": 2}"#),
        ("a", #"{"a":{"x":[1,"}"]},"b":2}"#, #"{"a":"***","b":2}"#),
        ("a.b", #"{"a":{"b":"s","c":"t"},"b":"u"}"#, #"{"a":{"b":"***","c":"t"},"b":"u"}"#),
        ("a.b", #"{"a":[{"b":1},{"b":null},{"c":3}]}"#, #"{"a":[{"b":"***"},{"b":null},{"c":3}]}"#),
        (
            "**.b", #"{"a":[{"b":1}],"b":true,"c":{"d":{"b":"x"}}}"#,
            #"{"a":[{"b":"***"}],"b":"***","c":{"d":{"b":"***"}}}"#
        ),
        ("a[1]", #"{"a":[1,2,3]}"#, #"{"a":[1,"***",3]}"#),
        ("$[*].k", #"[{"k":1},{"k":2}]"#, #"[{"k":"***"},{"k":"***"}]"#),
        ("*.k", #"{"x":{"k":1},"k":2}"#, #"{"x":{"k":"***"},"k":2}"#),
        (#"$."a.b""#, #"{"a.b":1,"a":{"b":2}}"#, #"{"a.b":"***","a":{"b":2}}"#),
        ("ssn*", #"{"SSN_old":1,"s":2}"#, #"{"SSN_old":"***","s":2}"#),
        ("mail", #"{"m\u0061il":"x","n":"\"mail\":1"}"#, #"{"m\u0061il":"***","n":"\"mail\":1"}"#),
        ("a", #"  [ ]  "#, #"  [ ]  "#), ("a", #"{"b":{"a":[]}}"#, #"{"b":{"a":[]}}"#),
    ])
    func paths(path: String, text: String, expected: String) throws {
        #expect(try masked(text, [path]) == expected)
    }

    @Test func methods() throws {
        #expect(try masked(#"{"a":"4111111111111111"}"#, ["a"], .partial) == #"{"a":"************1111"}"#)
        #expect(try masked(#"{"a":{"b":"secret"}}"#, ["a"], .partial) == #"{"a":"***"}"#)
        #expect(try masked(#"{"a":12}"#, ["a"], .null) == #"{"a":null}"#)
    }

    @Test(arguments: [
        (#"{"m":"to u@example.com"}"#, #"{"m":"to ***"}"#), (#"{"m":"u\u0040example.com"}"#, #"{"m":"***"}"#),
        (#"{"card":4111111111111111,"n":1}"#, #"{"card":"***","n":1}"#), (#"{"u@example.com":1}"#, #"{"***":1}"#),
        (#"["a","\n"]"#, #"["a","\n"]"#), (#"[4111111111111111]"#, #"["***"]"#),
        (#""\ud83d\ude00 u\u0040example.com""#, "\"\u{1F600} ***\""),
    ])
    func detectors(text: String, expected: String) throws {
        #expect(try masked(text, [], detect: [.email, .creditCard]) == expected)
    }

    @Test(arguments: ["", "{", #"{"a":}"#, #"{"a" 1}"#, "[1,]", #"{"a":1}x"#, #"{"a":"x}"#, #"{"a":"\"#, "[1}"])
    func whatIsNoJSONIsToldApart(text: String) throws {
        #expect(try masked(text, ["a"]) == nil)
    }

    @Test func nestingIsBounded() throws {
        #expect(try masked(String(repeating: "[", count: 100_000), ["a"]) == nil)
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        #expect(try masked(deep, ["a"]) == deep)
    }

    @Test(arguments: ["", "$", "$.", "a..b", "a[", "a[x]", "a[-1]", "**", "a.**", "a]", "$a$", #"""#])
    func brokenPathsAreNone(text: String) {
        #expect(JSONPath(text) == nil)
    }
}
