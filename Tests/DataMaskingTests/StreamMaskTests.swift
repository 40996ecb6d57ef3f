import DataMasking
import MaskingSamples
import Testing

/// Content without fields: however it is cut, the bytes that come out are the ones of the whole.
@Suite struct StreamMaskTests {
    private static let key = MaskKey(bytes: Array(repeating: 3, count: 32))
    private static let names = Detector.allCases.map(\.rawValue)

    private static func scanner(_ method: MaskMethod, _ more: [Detector] = []) -> Scanner {
        Scanner((Detector.allCases + more).map { ($0, method) })
    }

    private static let redacting = scanner(.redact)
    private static let showing = scanner(.partial)
    private static let hashing = scanner(.hash)

    private func whole(_ text: [UInt8], _ scanner: Scanner) -> [UInt8] {
        var output: [UInt8] = []
        let result = text.withUnsafeBytes { scanner.mask($0, into: &output, key: Self.key) }
        return result == .unchanged ? text : output
    }

    /// - Parameter cuts: the places at which the text is cut, in order.
    private func streamed(_ text: [UInt8], _ scanner: Scanner, cuts: [Int], mostHeld: Int = 10_000) -> [UInt8] {
        var mask = StreamMask(scanner, key: Self.key)
        var output: [UInt8] = []
        var position = 0
        for cut in cuts + [text.count] {
            text[position..<cut].withUnsafeBytes { mask.take($0, into: &output) }
            #expect(mask.heldBytes <= mostHeld)
            position = cut
        }
        mask.finish(into: &output)
        #expect(mask.heldBytes == 0)
        return output
    }

    @Test(arguments: names)
    func everyCutOfEverySample(name: String) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SampleGenerator(seed: seed)
        for _ in 0..<12 {
            let sample = try #require(Samples.make(name, &random))
            for text in [sample.text, "note 12: " + sample.text + ", and 7 more\n"] {
                let bytes = Array(text.utf8)
                for scanner in [Self.redacting, Self.showing] {
                    let expected = whole(bytes, scanner)
                    for cut in 0...bytes.count {
                        #expect(streamed(bytes, scanner, cuts: [cut]) == expected, "seed \(seed), cut \(cut): \(text)")
                    }
                    #expect(
                        streamed(bytes, scanner, cuts: Array(0..<bytes.count)) == expected, "seed \(seed): \(text)")
                }
            }
        }
    }

    /// Values one after another and inside one another, with words, quotes, broken UTF-8 and pieces of anchors between.
    @Test func randomTextsInRandomPieces() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SampleGenerator(seed: seed)
        let custom = Detector(try CustomPattern(name: "employee", pattern: "EMP-[0-9]{3,6}\\b"))
        let scanners = [Self.redacting, Self.showing, Self.hashing, Self.scanner(.redact, [custom])]
        let between = [
            " ", "", "\n", ", ", "\": \"", "=", "://", "@", "password=", "eyJ", "-----BEGIN ", "EMP-12345", "12", ".",
            ":", "AB ",
            "é", "+", "(", "secret: ", "born ", "x", "7",
        ]
        for round in 0..<1500 {
            var bytes: [UInt8] = []
            for _ in 0..<random.number(1...12) {
                bytes += Array(random.pick(between).utf8)
                if random.number(0...2) == 0 { bytes.append(UInt8(random.number(0...255))) }
                let sample = try #require(Samples.make(random.pick(Self.names), &random))
                bytes += Array(random.pick([sample.text, sample.value, sample.broken ?? ""]).utf8)
                if random.number(0...9) == 0 { bytes.removeLast(min(bytes.count, random.number(1...20))) }
            }
            let scanner = scanners[round % scanners.count]
            let expected = whole(bytes, scanner)
            for _ in 0..<4 {
                let cuts = (0..<random.number(0...12)).map { _ in random.number(0...bytes.count) }.sorted()
                #expect(streamed(bytes, scanner, cuts: cuts) == expected, "seed \(seed), round \(round), cuts \(cuts)")
            }
            let step = random.number(1...7)
            #expect(
                streamed(bytes, scanner, cuts: Array(stride(from: 0, to: bytes.count, by: step))) == expected,
                "seed \(seed), round \(round), step \(step)")
        }
    }

    /// Any bytes of a small alphabet that all anchors are made of.
    @Test func anyBytes() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SampleGenerator(seed: seed)
        let alphabet = Array("0123456789abcdefDEFAB -+.:/@=\"'\\\n()_,;eyJ$".utf8) + [0, 0xC3, 0xFF]
        for _ in 0..<3000 {
            let bytes = (0..<random.number(0...400)).map { _ in random.pick(alphabet) }
            let cuts = (0..<random.number(0...20)).map { _ in random.number(0...bytes.count) }.sorted()
            #expect(streamed(bytes, Self.showing, cuts: cuts) == whole(bytes, Self.showing), "seed \(seed)")
        }
    }

    /// Finds of open length go out as they come, and end where they end in the whole.
    @Test(arguments: [1, 13, 500, 4096, 70_000])
    func findsWithoutEnd(step: Int) throws {
        var random = SampleGenerator(seed: UInt64(step))
        let long = random.text(30_000, of: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF")
        let spaced = long.enumerated().map { $0.offset % 64 == 63 ? "\n" : String($0.element) }.joined()
        let armour = "-----BEGIN " + "RSA PRIVATE" + " KEY-----\n" + spaced
        for (text, kept) in [
            ("token ey" + "J" + long.prefix(40) + ".ey" + "J" + long + ".x end", (6, 4)),
            (armour + "\n-----END " + "RSA PRIVATE" + " KEY----- after", (0, 6)),
            (armour + "@example.com, then", (0, 6)),
            ("gl" + "pat-" + long + "@example.com then", (0, 5)),
            ("api_key: '" + long + "' ok", (10, 4)),
            // A second one begins inside the first.
            (armour + " ey" + "J" + long.prefix(900) + "." + long + ".z done", (0, 5)),
        ] {
            let bytes = Array(text.utf8)
            for scanner in [Self.redacting, Self.showing, Self.hashing] {
                let expected = whole(bytes, scanner)
                let cuts =
                    step < 20
                    ? Array(stride(from: 0, to: bytes.count, by: step))
                    : Array(stride(from: step, to: bytes.count, by: step))
                #expect(streamed(bytes, scanner, cuts: cuts, mostHeld: 10_000) == expected, "\(text.prefix(60))")
                let plain = text.prefix(kept.0) + text.suffix(kept.1)
                #expect(
                    expected.count <= plain.utf8.count + 16 && expected.starts(with: text.prefix(kept.0).utf8),
                    "\(text.prefix(60)) \(String(decoding: expected, as: UTF8.self).prefix(200))")
            }
        }
    }

    /// A prompt is shown before its answer is typed, and a plain line at its end.
    @Test(arguments: ["Password: ", "$ ls -l\n", "a line of text, and more.\n"])
    func nothingIsHeldWithoutReason(text: String) {
        var mask = StreamMask(Self.redacting, key: Self.key)
        var output: [UInt8] = []
        Array(text.utf8).withUnsafeBytes { mask.take($0, into: &output) }
        #expect(output == Array(text.utf8))
    }

    /// What no detector can be sure of for long is let go.
    @Test(arguments: [
        "a", "1", "1 ", "ab12", "eyJ", "x@", "a.", "://a:", "password=", "4111 ", "f:", "-----BEGIN ", "é", "\\", "(",
        "AB ", "token=a",
    ])
    func whatIsHeldIsBounded(piece: String) {
        let bytes = Array(String(repeating: piece, count: 60_000 / piece.utf8.count).utf8)
        #expect(
            streamed(bytes, Self.showing, cuts: Array(stride(from: 0, to: bytes.count, by: 61)))
                == whole(bytes, Self.showing))
    }

    /// A custom pattern's match behind decoys, which the pattern engine must find in every window.
    @Test func customsBehindDecoys() throws {
        let custom = Detector(try CustomPattern(name: "x", pattern: "\\bE[0-9]{2,5}(x|yz)?\\b"))
        let scanner = Self.scanner(.redact, [custom])
        let bytes =
            [UInt8](repeating: 0x8A, count: 12) + Array(":".utf8) + [0xFF] + Array("E5".utf8)
            + [UInt8](repeating: 0xFF, count: 90) + Array("5".utf8) + [UInt8](repeating: 0x8A, count: 45)
            + Array(":\0E21\0xo5".utf8) + [UInt8](repeating: 0x8A, count: 40)
        let expected = whole(bytes, scanner)
        #expect(expected.count == bytes.count)
        #expect(!String(decoding: expected, as: UTF8.self).contains("E21"))
        for cut in 0...bytes.count { #expect(streamed(bytes, scanner, cuts: [cut]) == expected, "cut \(cut)") }
    }
}
