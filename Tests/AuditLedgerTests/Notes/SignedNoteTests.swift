import AuditLedger
import Crypto
import Testing

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

func key(_ seed: UInt8) throws -> Curve25519.Signing.PrivateKey {
    try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: seed, count: 32))
}

@Suite("Signed notes")
struct SignedNoteTests {
    // The example of the Go checksum database's note package.
    static let peter = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    static let peterSeed = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    static let peterText =
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    static let peterLine =
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    static let peterNote = Array((peterText + "\n" + peterLine).utf8)

    @Test("The published note opens under its key, and is what its key signs")
    func published() throws {
        let key = try NoteVerifierKey(Self.peter)
        #expect(key.text == Self.peter)
        #expect(key.id == 0xc74f_20a3)
        let note = try SignedNote(Self.peterNote)
        #expect(text(note.text) == Self.peterText)
        #expect(note.bytes == Self.peterNote)
        #expect(try note.verify([key]).map(\.key) == [key])
        #expect(try note.verify([key]).map(\.time) == [nil])

        let seed = try #require(Base64.decode(ArraySlice(Self.peterSeed.utf8)))
        let signer = try NoteSigner(
            name: "PeterNeumann", privateKey: Curve25519.Signing.PrivateKey(rawRepresentation: seed[1...]))
        #expect(signer.verifierKey == key)
        #expect(try signer.note(Array(Self.peterText.utf8)).bytes == Self.peterNote)
    }

    @Test(
        "Published verifier keys",
        arguments: [
            "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
            "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        ])
    func publishedKeys(key: String) throws {
        #expect(try NoteVerifierKey(key).text == key)
        #expect(try NoteVerifierKey(key).algorithm == (key.hasPrefix("remora") ? .cosignatureV1 : .ed25519))
    }

    @Test("No part of a verifier key is one, and no changed one is")
    func refusedKeys() throws {
        let whole = Array(Self.peter.utf8)
        for start in 0..<whole.count {
            for end in (start + 1)...whole.count where end - start < whole.count {
                #expect(throws: LedgerFormatError.self) {
                    try NoteVerifierKey(String(decoding: whole[start..<end], as: UTF8.self))
                }
            }
        }
        for place in whole.indices {
            for bit in 0..<7 {
                var changed = whole
                changed[place] ^= 1 << UInt8(bit)
                #expect(throws: LedgerFormatError.self) { try NoteVerifierKey(text(changed)) }
            }
        }
        for wrong in [
            "", "+", "++", "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
            "rekor.sigstore.dev+12345678+AwEB", "rekor.sigstore.dev+12345678+THIS_IS_NOT_BASE64!",
            String(repeating: "a", count: 100_000) + "+c74f20a3+ARpc",
        ] {
            #expect(throws: LedgerFormatError.self, "\(wrong.prefix(60))") { try NoteVerifierKey(wrong) }
        }
        for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "a\u{85}", "a\u{1F}"] {
            #expect(throws: LedgerFormatError.self) { try NoteSigner(name: name, privateKey: key(1)) }
            #expect(throws: LedgerFormatError.self) { try Cosigner(name: name, privateKey: key(1)) }
        }
    }

    @Test("Known signatures must verify, unknown ones are passed over, and no known one is a refusal")
    func opening() throws {
        let alice = try NoteSigner(name: "alice", privateKey: key(1))
        let bob = try NoteSigner(name: "bob", privateKey: key(2))
        // Same name, another key: another id, so nobody's business.
        let otherAlice = try NoteSigner(name: "alice", privateKey: key(3))
        let body = Array("hello\n\nworld\n".utf8)
        let note = try SignedNote(text: body, signatures: [alice.sign(body), bob.sign(body), otherAlice.sign(body)])
        #expect(try SignedNote(note.bytes) == note)
        #expect(try note.verify([alice.verifierKey]).map(\.key) == [alice.verifierKey])
        #expect(
            try note.verify([bob.verifierKey, alice.verifierKey]).map(\.key) == [
                alice.verifierKey, bob.verifierKey,
            ])
        let carol = try NoteSigner(name: "carol", privateKey: key(4))
        #expect(throws: SignedNote.Refused.noKnownSignature) { try note.verify([carol.verifierKey]) }
        #expect(throws: SignedNote.Refused.noKnownSignature) { try note.verify([]) }

        // Bob's signature over another text, beside Alice's good one: refused only by who knows Bob.
        let forged = try SignedNote(text: body, signatures: [alice.sign(body), bob.sign(Array("other\n".utf8))])
        #expect(try forged.verify([alice.verifierKey]).count == 1)
        #expect(throws: SignedNote.Refused.badSignature(name: "bob")) {
            try forged.verify([alice.verifierKey, bob.verifierKey])
        }
        // One key counts once, however often it signs.
        let twice = try SignedNote(text: body, signatures: [alice.sign(body), alice.sign(body)])
        #expect(try twice.verify([alice.verifierKey]).count == 1)
    }

    @Test("Every flipped bit of the published note is a refusal")
    func flipped() throws {
        let key = try NoteVerifierKey(Self.peter)
        for place in Self.peterNote.indices {
            for bit in 0..<8 {
                var changed = Self.peterNote
                changed[place] ^= 1 << UInt8(bit)
                #expect(throws: (any Error).self, "bit \(bit) of byte \(place)") {
                    try SignedNote(changed).verify([key])
                }
            }
        }
    }

    @Test("Names are compared byte for byte, not as Unicode that means the same")
    func normalization() throws {
        let composed = try NoteSigner(name: "caf\u{E9}", privateKey: key(1))
        let decomposed = try NoteSigner(name: "cafe\u{301}", privateKey: key(1))
        let body = Array("x\n".utf8)
        let signature = try composed.sign(body)
        #expect(signature.isBy(composed.verifierKey))
        #expect(!signature.isBy(decomposed.verifierKey))
        // The id is only a hint: even when it fits, the other spelling is another name.
        let line = text(signature.line).split(separator: " ")[2]
        let respelled = try SignedNote(Array("x\n\n— cafe\u{301} \(line)".utf8))
        #expect(respelled.signatures.first?.keyID == composed.verifierKey.id)
        #expect(throws: SignedNote.Refused.noKnownSignature) { try respelled.verify([composed.verifierKey]) }
        #expect(throws: SignedNote.Refused.noKnownSignature) {
            try SignedNote(text: body, signatures: [signature]).verify([decomposed.verifierKey])
        }
    }

    @Test(
        "Notes that are none",
        arguments: [
            "", "\n", "\n\n", "text\n", "text\n\n", "text\n\n\n", "text\n" + peterLine,
            "text\n\n" + peterLine.dropLast(),
            "text\n\n" + peterLine + "\n", "text\n\n" + peterLine + "junk\n", "text\n\n junk\n" + peterLine,
            "text\r\n\r\n" + peterLine, "text\n\n-" + peterLine.dropFirst(), "text\n\n—" + peterLine.dropFirst(2),
            "te\u{0}xt\n\n" + peterLine, "te\txt\n\n" + peterLine, "te\u{1B}[2Jxt\n\n" + peterLine,
            "text\n\n— Peter+Neumann x08go/ZJkuBS\n", "text\n\n—  x08go/ZJkuBS\n", "text\n\n— PeterNeumann\n",
            "text\n\n— PeterNeumann \n", "text\n\n— PeterNeumann x08gow==\n", "text\n\n— PeterNeumann x08go/ZJkuBS9\n",
            "text\n\n— PeterNeumann x08go/ZJkuBS=\n", "text\n\n— PeterNeumann x08go/ZJ kuBS\n",
            "text\n\n— Peter\u{2003}Neumann x08go/ZJkuBS\n", "text\n\n— PeterNeumann x08go/ZJkuB=\n",
        ])
    func refusedNotes(note: String) {
        #expect(throws: LedgerFormatError.self) { try SignedNote(Array(note.utf8)) }
    }

    @Test("Bytes that are not UTF-8, too many and too many signatures are refused")
    func limits() throws {
        #expect(throws: LedgerFormatError.self) {
            try SignedNote(Array("te".utf8) + [0xFF] + Array("xt\n\n".utf8) + Array(Self.peterLine.utf8))
        }
        let hundred = Array(("t\n\n" + String(repeating: Self.peterLine, count: 100)).utf8)
        #expect(try SignedNote(hundred).signatures.count == 100)
        #expect(throws: LedgerFormatError.self) { try SignedNote(hundred + Array(Self.peterLine.utf8)) }
        var narrow = SignedNote.Limits()
        narrow.bytes = Self.peterNote.count - 1
        #expect(throws: LedgerFormatError.self) { try SignedNote(Self.peterNote, limits: narrow) }
        narrow.bytes += 1
        #expect(try SignedNote(Self.peterNote, limits: narrow).bytes == Self.peterNote)
        #expect(throws: LedgerFormatError.self) { try SignedNote([UInt8](repeating: 0x0A, count: 300_000)) }
        let signer = try NoteSigner(name: "alice", privateKey: key(1))
        for body in ["", "x", "x\ny", "\u{7}\n"] {
            #expect(throws: LedgerFormatError.self) { try signer.note(Array(body.utf8)) }
        }
        #expect(throws: LedgerFormatError.self) { try SignedNote(text: Array("x\n".utf8), signatures: []) }
    }

    @Test("A note that is read is written back byte for byte, whatever was changed in it")
    func mutated() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed of mutated notes: \(seed)")
        var generator = SeededGenerator(seed)
        let signer = try NoteSigner(name: "log.example/a", privateKey: key(1))
        let cosigner = try Cosigner(name: "w", privateKey: key(2))
        let body = Array("log.example/a\n12\n\nextra\n".utf8)
        let whole = try SignedNote(text: body, signatures: [signer.sign(body), cosigner.sign(body, time: 1)]).bytes
        var accepted = 0
        for _ in 0..<20_000 {
            var changed = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<changed.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: changed[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: changed.insert(Array("\n —+=A".utf8).randomElement(using: &generator)!, at: place)
                case 2: changed.remove(at: place)
                default: changed.removeSubrange(place...)
                }
                if changed.isEmpty { changed = [0x0A] }
            }
            guard let note = try? SignedNote(changed) else { continue }
            accepted += 1
            #expect(note.bytes == changed)
            if note.text != body {
                #expect(throws: SignedNote.Refused.self) { try note.verify([signer.verifierKey]) }
            }
        }
        #expect(accepted > 0)
    }

    @Test("Base64: the canonical form only")
    func base64() {
        let vectors = [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]
        for (plain, encoded) in vectors {
            #expect(Base64.text(Array(plain.utf8)) == encoded)
            #expect(Base64.decode(ArraySlice(encoded.utf8)) == Array(plain.utf8))
        }
        let every = Array(UInt8.min...UInt8.max)
        #expect(Base64.decode(Base64.encode(every)[...]) == every)
        for wrong in [
            "=", "==", "====", "A", "AA", "AAA", "A===", "AA=A", "AAA=AAAA", "=AAA", "Zh==", "Zm9=", "Zg=\n", "Zg==\n",
            "Zm9v ", " Zm9v", "Zm-v", "Zm_v", "Zm9v====", "Zg", "Zg=", "Z\u{E9}==",
        ] {
            #expect(Base64.decode(ArraySlice(wrong.utf8)) == nil, "\(wrong)")
        }
    }
}
