import AuditLedger
import Testing

@Suite("Checkpoints")
struct CheckpointTests {
    static let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    static let example = "example.com/behind-the-sofa\n20852163\n\(root)\n"

    @Test("The specification's example")
    func published() throws {
        let checkpoint = try Checkpoint(text: Array(Self.example.utf8))
        #expect(checkpoint.origin == "example.com/behind-the-sofa")
        #expect(checkpoint.head.size == 20_852_163)
        #expect(checkpoint.head.root.base64 == Self.root)
        #expect(checkpoint.extensions.isEmpty)
        #expect(text(checkpoint.text) == Self.example)
        #expect(checkpoint.hasOrigin("example.com/behind-the-sofa"))
        #expect(!checkpoint.hasOrigin("example.com/behind-the-sof"))
    }

    @Test("What is written is read")
    func roundTrip() throws {
        for size in [0, 1, 9, 10, 256, TreeHead.maximumSize] {
            for extensions in [[], ["one"], ["one", "— two", "12"]] {
                let checkpoint = try Checkpoint(
                    origin: "gw-1.example.com/k7\u{E9} ok", head: TreeHead(size: size, root: leaves(1)[0]),
                    extensions: extensions)
                #expect(try Checkpoint(text: checkpoint.text) == checkpoint)
            }
        }
    }

    @Test(
        "Texts that are none",
        arguments: [
            "", "\n", "o\n", "o\n1\n", "o\n1\n\(root)", "\n1\n\(root)\n", "o\n\n\(root)\n", "o\n1\n\n",
            "o\n01\n\(root)\n",
            "o\n00\n\(root)\n", "o\n+1\n\(root)\n", "o\n-1\n\(root)\n", "o\n 1\n\(root)\n", "o\n1 \n\(root)\n",
            "o\n0x1\n\(root)\n", "o\n1e3\n\(root)\n", "o\n١\n\(root)\n", "o\n9223372036854775808\n\(root)\n",
            "o\n18446744073709551616\n\(root)\n", "o\n99999999999999999999999999\n\(root)\n", "o\n1\n\(root)=\n",
            "o\n1\n\(root.dropLast())\n", "o\n1\n\(root.dropLast(2))J=\n", "o\n1\nAAAA\n", "o\n1\n\(root)\n\n",
            "o\n1\n\(root)\n\nx\n", "o\n1\n\(root)\nx", "o\r\n1\r\n\(root)\r\n", "o\t\n1\n\(root)\n",
            "\u{0}\n1\n\(root)\n",
        ])
    func refused(checkpoint: String) {
        #expect(throws: LedgerFormatError.self) { try Checkpoint(text: Array(checkpoint.utf8)) }
    }

    @Test("A log cannot be made to write one that it could not read")
    func refusedParts() throws {
        let head = TreeHead(size: 1, root: leaves(1)[0])
        for origin in ["", "a\nb", "a\r", "\u{0}"] {
            #expect(throws: LedgerFormatError.self) { try Checkpoint(origin: origin, head: head) }
            #expect(throws: LedgerFormatError.self) { try Checkpoint(origin: "o", head: head, extensions: [origin]) }
        }
        #expect(throws: LedgerFormatError.self) {
            try Checkpoint(origin: "o", head: TreeHead(size: TreeHead.maximumSize + 1, root: head.root))
        }
        #expect(throws: LedgerFormatError.self) { try Checkpoint(text: [0xFF] + Array("\n1\n\(Self.root)\n".utf8)) }
    }

    @Test("A checkpoint that is read is written back byte for byte")
    func mutated() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed of mutated checkpoints: \(seed)")
        var generator = SeededGenerator(seed)
        var accepted = 0
        for _ in 0..<20_000 {
            var changed = Array(Self.example.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<changed.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: changed[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: changed.insert(Array("\n0 1=+".utf8).randomElement(using: &generator)!, at: place)
                default: changed.remove(at: place)
                }
            }
            guard let checkpoint = try? Checkpoint(text: changed) else { continue }
            accepted += 1
            #expect(checkpoint.text == changed)
        }
        #expect(accepted > 0)
    }
}
