import DataMasking
import GatewayCore
import MaskingSamples
import Testing

/// JSON as it passes: the same for any cut, still JSON, and untouched where no mask is about it.
@Suite struct StreamJSONMaskTests {
    private static let key = MaskKey(bytes: Array(repeating: 3, count: 32))
    private static let detecting = MaskRule(detect: [.email, .creditCard])

    private static func content(_ rules: MaskRule...) throws -> ContentMask {
        try #require(MaskSet(rules: rules, key: key).content(.answer, path: []))
    }

    private static func rule(_ paths: [String], _ method: MaskMethod = .redact) throws -> MaskRule {
        MaskRule(json: try paths.map { try #require(JSONPath($0)) }, method: method)
    }

    private func mask(_ text: [UInt8], _ content: ContentMask, cuts: [Int] = []) throws -> [UInt8] {
        var mask = content.json()
        var (output, position) = ([UInt8](), 0)
        for cut in cuts + [text.count] {
            try text[position..<cut].withUnsafeBytes { try mask.take($0, into: &output) }
            position = cut
        }
        try mask.finish(into: &output)
        return output
    }

    /// - Returns: what comes out of the whole, which every cut must equal.
    private func everyCut(_ text: String, _ content: ContentMask) throws -> String {
        let bytes = Array(text.utf8)
        let whole = try mask(bytes, content)
        for cut in 0...bytes.count {
            #expect(try mask(bytes, content, cuts: [cut]) == whole, "cut \(cut) of \(text)")
        }
        #expect(try mask(bytes, content, cuts: Array(0..<bytes.count)) == whole, "\(text)")
        return String(decoding: whole, as: UTF8.self)
    }

    @Test(arguments: [
        (#"{"email": "ada@example.com", "n": 1}"#, #"{"email": "***", "n": 1}"#),
        (#"{"a": [{"email": null}, {"Email": {"x": [1, "y"]}}]}"#, #"{"a": [{"email": null}, {"Email": "***"}]}"#),
        (#"{"\u0065mail":"x","email":[],"e":12.5e3}"#, #"{"\u0065mail":"***","email":"***","e":12.5e3}"#),
        (#"{"email":-1,"email":true}"#, #"{"email":"***","email":"***"}"#),
        (#"[[{"email":"a\"b\\"}]]"#, #"[[{"email":"***"}]]"#),
        ("{\"email\":\"a\"}\n{\"email\":\"b\"}\n", "{\"email\":\"***\"}\n{\"email\":\"***\"}\n"),
        ("\u{1E}{\"email\":\"a\"}\n\u{1E}7", "\u{1E}{\"email\":\"***\"}\n\u{1E}7"),
        ("\u{FEFF} [ ] ", "\u{FEFF} [ ] "), ("", ""), ("42", "42"), ("\"x\"", "\"x\""),
    ])
    func pathsHideValues(text: String, expected: String) throws {
        #expect(try everyCut(text, Self.content(Self.rule(["**.email"]))) == expected)
    }

    @Test(
        arguments: [
            (
                "partial", #"{"card":"4111111111111111","o":{"card":[1]}}"#,
                #"{"card":"************1111","o":{"card":"***"}}"#
            ),
            ("null", #"{"card":"4111111111111111"}"#, #"{"card":null}"#),
            ("hash", #"{"card":"1","x":{"card":"1"},"y":{"card":"\u0031"}}"#, nil),
        ] as [(String, String, String?)])
    func methodsShowAsTheySay(method: String, text: String, expected: String?) throws {
        let method = try #require(MaskMethod(rawValue: method))
        let shown = try everyCut(text, Self.content(Self.rule(["**.card"], method)))
        if let expected { return #expect(shown == expected) }
        let parts = shown.split(separator: "\"").filter { $0.count == 16 }
        #expect(parts.count == 3 && Set(parts).count == 1, "\(shown)")
    }

    @Test(arguments: [
        (#"{"to": "mail ada@example.com now"}"#, #"{"to": "mail *** now"}"#),
        (#"{"to": "ada\u0040example.com", "t": "\u00e9\n\/"}"#, #"{"to": "***", "t": "\u00e9\n\/"}"#),
        (#"{"ada@example.com": 1}"#, #"{"***": 1}"#),
        (#"{"n": 4111111111111111, "m": [41, 11]}"#, #"{"n": "***", "m": [41, 11]}"#),
        (#"["\ud83d\ude00 ada@example.com \ud83d", "\ude00\u0000"]"#, #"["\ud83d\ude00 *** \ud83d", "\ude00\u0000"]"#),
        (#"{"a":"4111 1111","b":"1111 1111"}"#, #"{"a":"4111 1111","b":"1111 1111"}"#),
    ])
    func detectorsReadStrings(text: String, expected: String) throws {
        #expect(try everyCut(text, Self.content(Self.detecting)) == expected)
    }

    /// A find of any length, and escapes within it.
    @Test func longFindsAreReplacedOnce() throws {
        let token = String(repeating: "a1B2", count: 5000)
        let content = try Self.content(
            MaskRule(detect: Detector.named("jwt") + Detector.named("password"), method: .hash))
        let text =
            "{\"t\": \"x ey" + "JhbGciOiJIUzI1NiJ9.ey" + "J\(token).\(token) y\", \"password\": \"hunter2hunter2\"}"
        let whole = String(decoding: try mask(Array(text.utf8), content), as: UTF8.self)
        #expect(whole.utf8.count < 120 && whole.hasPrefix("{\"t\": \"x ") && whole.contains(" y\", \"password\": \""))
        #expect(!whole.contains("hunter2"))
        for step in [1, 7, 4096, 9001] {
            let cuts = Array(stride(from: step, to: text.utf8.count, by: step))
            #expect(try mask(Array(text.utf8), content, cuts: cuts) == Array(whole.utf8), "step \(step)")
        }
    }

    @Test(arguments: [
        "{", "[1", "\"a", "{\"a\"}", "{\"a\":1,}", "[1,]", "[1 2]", "{a:1}", "'a'", "[\"\\x\"]", "[\"\\u12G4\"]", "]",
        "}",
        "{\"a\":1]", ",", "[1}", "{\"a\" 1}", "\"\\ud83d", "<html>", String(repeating: "[", count: 257),
        "[" + String(repeating: "1", count: 1025) + "]", "{\"" + String(repeating: "n", count: 4097) + "\":1}",
    ])
    func whatIsNoJSONIsAnError(text: String) throws {
        let content = try Self.content(Self.detecting, Self.rule(["a.b"]))
        for cuts in [[], Array(0..<text.utf8.count)] {
            #expect(throws: MalformedJSON.self) { try mask(Array(text.utf8), content, cuts: cuts) }
        }
    }

    /// Values of any shape with the samples of all detectors, cut anywhere.
    @Test func randomValuesInRandomPieces() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SampleGenerator(seed: seed)
        let all = MaskRule(detect: Detector.allCases, method: .partial)
        let contents = [
            try Self.content(all), try Self.content(all, Self.rule(["**.id", "a[*].b"], .partial)),
            try Self.content(Self.rule(["**.e*", "[0]"], .hash)),
        ]
        for round in 0..<400 {
            let text = Array(Self.value(&random, depth: 0).utf8)
            let content = contents[round % contents.count]
            let whole = try mask(text, content)
            for _ in 0..<4 {
                let cuts = (0..<random.number(0...12)).map { _ in random.number(0...text.count) }.sorted()
                #expect(try mask(text, content, cuts: cuts) == whole, "seed \(seed), round \(round), cuts \(cuts)")
            }
            // What comes out is JSON, and nothing is found in it twice.
            let quiet = try Self.content(try Self.rule(["never"]))
            #expect(try mask(whole, quiet) == whole, "seed \(seed), round \(round)")
            #expect(try mask(text, quiet) == text, "seed \(seed), round \(round)")
        }
    }

    private static func value(_ random: inout SampleGenerator, depth: Int) -> String {
        switch random.number(0...(depth > 4 ? 4 : 6)) {
        case 0: return random.pick(["true", "false", "null", "0", "-1.5e3", "4111111111111111", "12"])
        case 1, 2, 3, 4: return string(&random)
        case 5:
            let members = (0..<random.number(0...4)).map { _ in
                let name = random.pick([
                    "\"id\"", "\"a\"", "\"b\"", "\"e\\u0031\"", "\"password\"", "\"ssn\"", string(&random),
                ])
                return name + random.pick([":", ": "]) + value(&random, depth: depth + 1)
            }
            return "{" + members.joined(separator: random.pick([",", ",\n "])) + "}"
        default:
            return "[" + (0..<random.number(0...4)).map { _ in value(&random, depth: depth + 1) }.joined(separator: ",")
                + "]"
        }
    }

    private static func string(_ random: inout SampleGenerator) -> String {
        let name = random.pick(Detector.allCases.map(\.rawValue))
        let text = Samples.make(name, &random).map { random.pick([$0.text, $0.value, $0.broken ?? "x"]) } ?? ""
        var output = "\""
        for scalar in text.unicodeScalars {
            let isEscaped = scalar == "\"" || scalar == "\\" || scalar.value < 0x20 || random.number(0...15) == 0
            guard isEscaped, scalar.value < 0x10000 else {
                output.unicodeScalars.append(scalar)
                continue
            }
            let digits = String(scalar.value, radix: 16)
            output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
        return output + random.pick(["", "\\ud83d\\ude00", "\\ud83d", "\\n", "é"]) + "\""
    }
}
