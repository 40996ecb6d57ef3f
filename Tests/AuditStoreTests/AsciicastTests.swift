import AuditStore
import Foundation
import GatewayCore
import Testing

@Suite struct AsciicastTests {
    private let start = Timestamp(microseconds: 1_700_000_000_000_000)

    private func fields(_ line: String?) throws -> [Any] {
        let text = try #require(line)
        #expect(text.hasSuffix("\n") && text.filter { $0 == "\n" }.count == 1)
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [Any])
    }

    @Test func headerAndEventsAreAsPublished() throws {
        var writer = AsciicastWriter(start: start)
        let header = writer.header(width: 80, height: 24, title: "a \"b\"\\")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(header.utf8)) as? [String: Any])
        #expect(object["version"] as? Int == 2)
        #expect((object["width"] as? Int, object["height"] as? Int) == (80, 24))
        #expect(object["timestamp"] as? Int == 1_700_000_000)
        #expect(object["title"] as? String == "a \"b\"\\")
        let line = writer.event(
            .output, Array("\u{1B}[1mhi\r\n".utf8), at: Timestamp(microseconds: start.microseconds + 1_000_250))
        #expect(line == "[1.000250,\"o\",\"\\u001b[1mhi\\r\\n\"]\n")
        let early = try fields(writer.event(.input, [0x61], at: Timestamp(microseconds: 5)))
        #expect(early[0] as? Double == 0)
        #expect(writer.resize(width: 100, height: 40, at: start) == "[0.000000,\"r\",\"100x40\"]\n")
    }

    /// However the bytes are cut, what is shown is the same.
    @Test func charactersMayBeCutAnywhere() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = Seeded(state: seed)
        let text = "aé€😀\u{0}\u{7F}\"\\ż\n漢字"
        for round in 0..<300 {
            var bytes = Array(text.utf8)
            if round % 3 == 0 {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            var writer = AsciicastWriter(start: start)
            var shown = ""
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = rest.prefix(Int.random(in: 1...4, using: &random))
                rest = rest.dropFirst(part.count)
                if let line = writer.event(.output, Array(part), at: start) {
                    shown += try #require(try fields(line)[2] as? String)
                }
            }
            if let line = writer.finish(.output, at: start) { shown += try #require(try fields(line)[2] as? String) }
            // Of broken bytes only how many marks stand for them may differ.
            let wanted = String(decoding: bytes, as: UTF8.self)
            let (one, other) = (shown.replacing("\u{FFFD}", with: ""), wanted.replacing("\u{FFFD}", with: ""))
            #expect(one == other, "seed \(seed) round \(round)")
            if round % 3 > 0 { #expect(shown == text, "seed \(seed) round \(round)") }
        }
    }
}
