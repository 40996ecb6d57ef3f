import DataMasking
import MaskingSamples
import Testing

/// Many texts looked at as one: nothing that one of them holds is missed.
@Suite struct JoinedSearchTests {
    private static let names = Detector.allCases.map(\.rawValue)
    private static let all = Scanner(Detector.allCases.map { ($0, .redact) })

    /// Whether each text is told to hold something.
    private static func told(_ texts: [[UInt8]], _ scanner: Scanner) -> [Bool] {
        var joined: [UInt8] = []
        var places: [Range<Int>] = []
        for text in texts {
            places.append(joined.count..<joined.count + text.count)
            joined += text + [0]
        }
        var found: [Range<Int>] = []
        let isTold = joined.withUnsafeBytes { scanner.search(joined: $0) { found.append($0) } }
        return places.map { place in !isTold || found.contains { $0.overlaps(place) } }
    }

    @Test func nothingIsMissedWhateverStandsBeside() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SampleGenerator(seed: seed)
        var rows = RowGenerator(seed: seed, detectors: Self.names)
        let scanners = [Self.all] + Detector.allCases.map { Scanner([($0, .redact)]) }
        for turn in 0..<400 {
            let texts = try (0..<random.number(1...24)).map { _ -> [UInt8] in
                var text = Array(rows.row(values: random.number(0...2)).text.utf8)
                switch random.number(0...5) {
                case 0: text = Array(try #require(Samples.make(random.pick(Self.names), &random)).text.utf8)
                // A value may end anywhere: in the middle of what another goes on with.
                case 1: text = Array(text.prefix(random.number(0...text.count)))
                case 2: text = Array(text.suffix(random.number(0...text.count)))
                default: break
                }
                return text
            }
            let scanner = turn % 2 == 0 ? Self.all : scanners[turn % scanners.count]
            for (text, isTold) in zip(texts, Self.told(texts, scanner)) where !isTold {
                #expect(scanner.scan(text).isEmpty, "seed \(seed): \(String(decoding: text, as: UTF8.self))")
            }
        }
    }

    @Test func quietTextsAreQuiet() {
        let texts = ["a word", "another one", "17 of 25", "", "tel"].map { Array($0.utf8) }
        #expect(Self.told(texts, Self.all) == [false, false, false, false, false])
        let mixed = ["a word", "ada@example.com", "more"].map { Array($0.utf8) }
        #expect(Self.told(mixed, Self.all) == [false, true, false])
    }

    /// `^` of a pattern of one's own is the begin of each text.
    @Test func ownPatternsAreNotJoined() throws {
        let own = Detector(try CustomPattern(name: "staff", pattern: "^E[0-9]{6}$", validator: nil))
        let scanner = Scanner([(own, .redact), (.email, .redact)])
        #expect(!scanner.canJoin)
        #expect(Self.told([Array("x".utf8), Array("E123456".utf8)], scanner) == [true, true])
        #expect(Self.all.canJoin)
    }
}
