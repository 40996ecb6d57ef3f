import DataMasking
import Foundation
import Testing

/// Values too large to be kept: as long as they were, and nothing hidden shows, whatever the pieces.
@Suite struct OverwritingMaskTests {
    private static let key = MaskKey(bytes: Array(repeating: 7, count: 32))

    private static func plan(_ rule: MaskRule) -> MaskPlan {
        MaskSet(rules: [rule], key: key).plan(columns: [AnswerColumn(name: "x", origins: [.computed], isText: true)])
    }

    private static func whole(_ method: MaskMethod) throws -> MaskPlan {
        plan(MaskRule(columns: [try #require(ColumnPattern("x"))], method: method))
    }

    private static let detectors = plan(MaskRule(detect: Detector.allCases, method: .partial))

    private func masked(
        _ value: [UInt8], _ plan: MaskPlan, _ shape: OverwritingMask.Shape, _ cut: (Int) -> Int = { $0 }
    ) throws -> [UInt8] {
        var mask = try #require(plan.overwriting(column: 0, shape: shape, length: value.count))
        var output: [UInt8] = []
        var position = 0
        while position < value.count {
            let step = min(max(cut(value.count - position), 1), value.count - position)
            value[position..<position + step].withUnsafeBytes { mask.take($0, into: &output) }
            position += step
        }
        return output
    }

    @Test(
        arguments: [
            (.redact, .text, "secret", "******"), (.null, .text, "secret", "******"),
            (.partial, .text, "ann@example.com", "***************"), (.hash, .text, "short", "*****"),
            (.redact, .hexadecimal, "\\x00ff", "\\x2a2a"), (.redact, .hexadecimal, "\\\\a", "***"),
            (.redact, .json, "{\"a\":1}", "\"*****\""), (.redact, .json, "1", "0"),
            (.redact, .binaryJSON, "\u{1}[2]", "\u{1}\"*\""),
        ] as [(MaskMethod, OverwritingMask.Shape, String, String)])
    func wholeValues(_ method: MaskMethod, _ shape: OverwritingMask.Shape, _ value: String, _ expected: String) throws {
        let result = try masked(Array(value.utf8), Self.whole(method), shape) { _ in 2 }
        #expect(String(decoding: result, as: UTF8.self) == expected)
    }

    @Test func hashIsTheHash() throws {
        let value = Array(String(repeating: "secret", count: 1000).utf8)
        let plan = try Self.whole(.hash)
        var hash: [UInt8] = []
        #expect(value.withUnsafeBytes { plan.mask($0, column: 0, into: &hash) } == .replaced)
        let result = try masked(value, plan, .text) { _ in 7 }
        #expect(result == Array(repeating: UInt8(ascii: "*"), count: value.count - hash.count) + hash)
    }

    @Test func everySplitAndEveryLength() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = Generator(state: seed)
        let words = [
            "ann@example.com", "4111 1111 1111 1111", "DE89370400440532013000", "078-05-1120", "x", " ", ",", "\n",
            "{", "\"", "é", "42", "-",
        ]
        for _ in 0..<200 {
            let text = (0..<Int.random(in: 1...30, using: &generator)).map { _ in
                words.randomElement(using: &generator) ?? ""
            }
            let value = Array(text.joined().utf8)
            // What a scan of the whole value finds is what must be hidden, and nothing else.
            var expected = value
            guard case .scan(let scanner) = Self.detectors.actions[0] else {
                Issue.record("no scan")
                return
            }
            for edit in scanner.scan(value) { for index in edit.range { expected[index] = UInt8(ascii: "*") } }
            #expect(try masked(value, Self.detectors, .text) { _ in 1 } == expected, "seed \(seed): \(text)")
            #expect(
                try masked(value, Self.detectors, .text) { Int.random(in: 1...$0, using: &generator) } == expected,
                "seed \(seed): \(text)")
            for method in MaskMethod.allCases {
                let whole = try masked(value, Self.whole(method), .text)
                #expect(whole.count == value.count)
                #expect(try masked(value, Self.whole(method), .text) { _ in 3 } == whole)
            }
        }
    }

    /// What stands before an `@` belongs to an address for 128 bytes: twice what RFC 5321 allows.
    @Test func runsWithoutEndAreNoAddress() throws {
        let run = Array(repeating: UInt8(ascii: "a"), count: 100_000)
        let value = Array("{\"plain\":\"".utf8) + run + Array("@example.com\",\"tail\":1}".utf8)
        let result = try masked(value, Self.detectors, .structured) { _ in 999 }
        #expect(result == (try masked(value, Self.detectors, .structured)))
        #expect(result.count == value.count)
        let text = String(decoding: result, as: UTF8.self)
        #expect(
            text.hasPrefix("{\"plain\":\"aaa")
                && text.hasSuffix("a" + String(repeating: "*", count: 140) + "\",\"tail\":1}"))
    }

    /// A hidden piece of JSON with escapes in it leaves JSON.
    @Test(arguments: [1, 2, 3, 7, 1000])
    func jsonStaysJSON(step: Int) throws {
        let armour = "-----BEGIN " + "PRIVATE KEY-----\\nMIIEvQ\\nQUJD\\n-----END " + "PRIVATE KEY-----"
        for (value, expected) in [
            ("{\"k\":\"\(armour)\\n\",\"x\":\"\\\\\"}", true),
            ("{\"k\":\"\\\"ann@example.com\\\"\"}", true),
        ] {
            let result = try masked(Array(value.utf8), Self.detectors, .json) { _ in step }
            let isJSON = (try? JSONSerialization.jsonObject(with: Data(result))) != nil
            #expect(isJSON == expected, "\(String(decoding: result, as: UTF8.self))")
            #expect(result.count == value.utf8.count && result != Array(value.utf8))
        }
    }

    @Test func structuredTextKeepsItsShape() throws {
        for (value, expected) in [
            ("{ann@example.com,x}", "{***************,x}"), ("4111111111111111", "0000000000000000"),
        ] {
            let result = try masked(Array(value.utf8), Self.detectors, .structured) { _ in 1 }
            #expect(String(decoding: result, as: UTF8.self) == expected)
        }
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 31
        }
    }
}
