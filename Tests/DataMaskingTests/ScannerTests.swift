import DataMasking
import Testing

private let key = MaskKey(bytes: Array(repeating: 1, count: 32))
private let all = Scanner(Detector.allCases.map { ($0, .redact) })

private func found(_ text: String, by scanner: Scanner = all) -> [String] {
    let bytes = Array(text.utf8)
    return scanner.scan(bytes).map { String(decoding: bytes[$0.range], as: UTF8.self) }
}

@Suite struct ScannerTests {
    @Test(arguments: [
        ("ada@example.com", ["ada@example.com"]),
        ("Ada <ada.l+x@mail.example.co.uk>, bob@b.io.", ["ada.l+x@mail.example.co.uk", "bob@b.io"]),
        ("{\"email\":\"ada@example.com\"}", ["ada@example.com"]),
        ("email=ada@example.com&x=1", ["ada@example.com"]),
        ("jürgen@münchen.de", ["jürgen@münchen.de"]),
        ("a@b@example.com", ["b@example.com"]),
        ("ada@example.com@example.com", ["ada@example.com@example.com"]),
        ("..ada@example.com..", ["ada@example.com"]),
        ("ada@example.com.5", ["ada@example.com"]),
        ("ada@-example.com", ["ada@-example.com"]),
        ("ada@localhost", []),
        ("@example.com", []),
        ("ada@", []),
        ("@", []),
        ("1@2.34", []),
        ("", []),
    ])
    func emails(text: String, expected: [String]) {
        #expect(found(text, by: Scanner([(.email, .redact)])) == expected)
    }

    @Test(arguments: [
        ("4111111111111111", ["4111111111111111"]),
        ("4111 1111 1111 1111", ["4111 1111 1111 1111"]),
        ("pay 4111-1111-1111-1111 12/26", ["4111-1111-1111-1111"]),
        ("order 12345 4111111111111111 ok", ["4111111111111111"]),
        ("4111111111111111 5555555555554444", ["4111111111111111", "5555555555554444"]),
        ("378282246310005", ["378282246310005"]),
        ("3782 822463 10005", ["3782 822463 10005"]),
        ("30569309025904", ["30569309025904"]),
        ("6011111111111117", ["6011111111111117"]),
        ("3530111333300000", ["3530111333300000"]),
        ("2223003122003222", ["2223003122003222"]),
        ("4222222222222", ["4222222222222"]),
        ("x4111111111111111y", ["4111111111111111"]),
        ("4111111111111112", []),
        ("1234567812345670", []),
        ("0.4111111111111111", []),
        ("41111111111111110000000000", []),
        ("4111  1111  1111  1111", []),
        ("411111111111", []),
        ("2026-11-21 05:03:17.123456", []),
    ])
    func cards(text: String, expected: [String]) {
        #expect(found(text, by: Scanner([(.creditCard, .redact)])) == expected)
    }

    @Test func cardsAreFoundAtEveryOffset() {
        for offset in 0..<64 {
            for tail in [0, 1, 11, 12, 13, 30] {
                let text =
                    String(repeating: "x", count: offset) + "5555-5555-5555-4444" + String(repeating: " y", count: tail)
                #expect(
                    found(text, by: Scanner([(.creditCard, .redact)])) == ["5555-5555-5555-4444"], "offset \(offset)")
            }
        }
    }

    @Test(arguments: [
        ("DE89370400440532013000", ["DE89370400440532013000"]),
        ("to DE89 3704 0044 0532 0130 00.", ["DE89 3704 0044 0532 0130 00"]),
        (
            "GB82WEST12345698765432 GB82 WEST 1234 5698 7654 32",
            ["GB82WEST12345698765432", "GB82 WEST 1234 5698 7654 32"]
        ),
        ("NO9386011117947", ["NO9386011117947"]),
        ("MT84MALT011000012345MTLCAST001S", ["MT84MALT011000012345MTLCAST001S"]),
        ("DE88370400440532013000", []),
        ("XX89370400440532013000", []),
        ("DE8937040044053201300", []),
        ("ADE89370400440532013000", []),
        ("DE893704004405320130001", []),
        ("DE89", []),
    ])
    func ibans(text: String, expected: [String]) {
        #expect(found(text, by: Scanner([(.iban, .redact)])) == expected)
    }

    @Test(arguments: [
        ("123-45-6789", ["123-45-6789"]),
        ("ssn: 123 45 6789, next 219-09-9999", ["123 45 6789", "219-09-9999"]),
        ("123-45 6789", []),
        ("000-45-6789", []),
        ("666-45-6789", []),
        ("900-45-6789", []),
        ("123-00-6789", []),
        ("123-45-0000", []),
        ("1123-45-6789", []),
        ("123-45-67890", []),
        ("5-123-45-6789", []),
        ("123-45-678", []),
    ])
    func socialSecurityNumbers(text: String, expected: [String]) {
        #expect(found(text, by: Scanner([(.usSSN, .redact)])) == expected)
    }

    @Test func severalKindsInOneText() {
        #expect(
            found("ada@example.com 4111111111111111 DE89370400440532013000 123-45-6789") == [
                "ada@example.com", "4111111111111111", "DE89370400440532013000", "123-45-6789",
            ])
    }

    @Test func editsComeApartAndInOrderOnAnyBytes() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = Seeded(seed)
        let alphabet = Array("0123456789 -@.aDE89\u{e9}'".utf8)
        for _ in 0..<20_000 {
            let length = Int.random(in: 0..<80, using: &generator)
            let bytes = (0..<length).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            var last = 0
            for edit in all.scan(bytes) {
                #expect(
                    edit.range.lowerBound >= last && !edit.range.isEmpty && edit.range.upperBound <= bytes.count,
                    "seed \(seed)")
                last = edit.range.upperBound
            }
        }
    }

    /// The skipping scanner against one that tries every start and every end.
    @Test func cardsAgreeWithBruteForce() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = Seeded(seed)
        let scanner = Scanner([(.creditCard, .redact)])
        for _ in 0..<3_000 {
            var text = ""
            for _ in 0..<Int.random(in: 0..<4, using: &generator) {
                text += String(repeating: "z", count: Int.random(in: 1..<30, using: &generator))
                text += [
                    "4111111111111111", "4111 1111 1111 1111", "12 34", "4111111111111112", "99999999999999999999",
                ].randomElement(
                    using: &generator)!
            }
            let expected = text.split(separator: "z").filter { $0.hasSuffix("1111") }.map(String.init)
            #expect(found(text, by: scanner) == expected, "seed \(seed)")
        }
    }

    @Test func applyReplacesPieces() {
        let text = Array("to ada@example.com, card 4111111111111111.".utf8)
        let scanner = Scanner([(.email, .partial), (.creditCard, .partial)])
        var output: [UInt8] = []
        #expect(text.withUnsafeBytes { MaskEdit.apply(scanner.scan($0), to: $0, into: &output, key: key) })
        #expect(String(decoding: output, as: UTF8.self) == "to a***@example.com, card ************1111.")
        output = []
        let null = Scanner([(.email, .null)])
        #expect(!text.withUnsafeBytes { MaskEdit.apply(null.scan($0), to: $0, into: &output, key: key) })
        #expect(output.isEmpty)
    }

    @Test func applySurvivesEditsThatDoNotFit() {
        let edits = [
            MaskEdit(range: 2..<4, method: .redact, detector: .email),
            MaskEdit(range: 1..<90, method: .redact, detector: .email),
            MaskEdit(range: 95..<99, method: .redact, detector: .email),
        ]
        var output: [UInt8] = []
        let text = Array("abcdef".utf8)
        #expect(text.withUnsafeBytes { MaskEdit.apply(edits, to: $0, into: &output, key: key) })
        #expect(String(decoding: output, as: UTF8.self) == "ab*********")
    }

    @Test(arguments: [
        ("@", 1), ("a@", 2), ("a@b", 3), ("1 ", 4), ("1-", 4), ("1", 4), ("a.", 4), ("a@b.c", 5), ("12-34-", 6),
    ])
    func hostileTextStaysLinear(piece: String, _ id: Int) {
        func time(_ count: Int) -> Duration {
            let bytes = Array(String(repeating: piece, count: count).utf8)
            return ContinuousClock().measure { _ = all.scan(bytes) }
        }
        _ = time(1000)
        // Quadratic work would take minutes here.
        #expect(time(500_000) < .seconds(10))
    }

    /// Anchors without end: each is verified, and none may cost more than a few looks at what is near.
    @Test(arguments: [
        "1 ", "12 34 ", "12-34-", "f:", "1f:", "1.1.", "ey" + "J", "ey" + "J.", "gh" + "p_", "://a:", "://a:b@",
        "password=",
        "password='", "token=", "secret: \"", "-----BEGIN ", "-----BEGIN " + "PRIVATE" + " KEY-----", "born ", "dob 1 ",
        "8Q~",
        "abc8Q~", "sk-", "T3Blbk" + "FJ", "authorization:", "bearer ", "$2b$", "AccountKey=", "+1", "(1", "1234567 ",
        "AB 12 ",
        "a@b.cc.", "tel 1234567 ", "é", "\\", "\u{0}",
    ])
    func hostileAnchorsStayLinear(piece: String) {
        let bytes = Array(String(repeating: piece, count: 4_000_000 / piece.utf8.count).utf8)
        var edits: [MaskEdit] = []
        let time = ContinuousClock().measure { edits = all.scan(bytes) }
        // 4 MB: a look at 4 KB for each byte would take longer by far.
        #expect(time < .seconds(4), "\(time)")
        #expect(edits.allSatisfy { $0.range.upperBound <= bytes.count })
    }

    @Test func oneRunOfDigitsIsPassedOver() {
        let bytes = [UInt8](repeating: 0x34, count: 256 << 20)
        var edits: [MaskEdit] = []
        #expect(ContinuousClock().measure { edits = all.scan(bytes) } < .seconds(20))
        #expect(edits.isEmpty)
    }

    /// No find reaches outside the text: what stands beyond it would be a match.
    @Test func theEdgeOfTheTextIsItsEnd() {
        let text = Array(
            "4111 1111 1111 1111 ann@example.com 192.0.2.17 DE89370400440532013000 password=hunter22 078-05-1120".utf8)
        for start in text.indices {
            for end in start..<text.count {
                text.withUnsafeBytes { bytes in
                    let copy = Array(bytes[start..<end])
                    let inside = all.scan(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                    #expect(inside == all.scan(copy), "\(start)..<\(end)")
                }
            }
        }
    }

    @Test func throughput() {
        let lines = [
            "2026-11-21 05:03:17 customer 8812 moved from Vienna to Graz; invoice 10023 paid",
            "a plain text column of an ordinary row, with words and little else in it, as most are",
        ]
        let text = Array((0..<40_000).map { lines[$0 % 2] }.joined(separator: "\n").utf8)
        for (name, scanner) in [
            ("email", Scanner([(.email, .partial)])), ("credit_card", Scanner([(.creditCard, .partial)])),
            ("both", Scanner([(.email, .partial), (.creditCard, .partial)])), ("all", all),
        ] {
            var count = 0
            let time = ContinuousClock().measure { count = scanner.scan(text).count }
            let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
            print("scan \(name): \(Int(Double(text.count) / 1e6 / seconds)) MB/s")
            #expect(count == 0)
        }
    }
}

/// SplitMix64.
struct Seeded: RandomNumberGenerator {
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
