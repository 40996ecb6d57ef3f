import AuditLedger
import Crypto
import Testing

@Suite struct TransparencyProofTests {
    private let signer: NoteSigner
    private let entries = (0..<7).map { Array("entry \($0)".utf8) }
    private let note: SignedNote

    init() throws {
        signer = try NoteSigner(name: "log.example/1", privateKey: Curve25519.Signing.PrivateKey())
        let head = TreeHead(size: 7, root: MerkleTree.root(of: entries.map { MerkleTree.leafHash($0) }))
        note = try signer.note(Checkpoint(origin: "log.example/1", head: head).text)
    }

    private func proof(_ index: Int) throws -> TransparencyProof {
        var tree = TileBuilder()
        for entry in entries { tree.append(MerkleTree.leafHash(entry)) }
        let tiles = Dictionary(uniqueKeysWithValues: tree.takeWrites().map { ($0.coordinate, $0.tile) })
        let inclusion = try InclusionProof(index: UInt64(index), size: 7) { tiles[$0]! }
        return TransparencyProof(index: UInt64(index), hashes: inclusion.hashes, note: note)
    }

    @Test func everyEntryIsProvedAndReadBack() throws {
        for index in entries.indices {
            let proof = try proof(index)
            #expect(try TransparencyProof(proof.bytes) == proof)
            #expect(try proof.verify(entry: entries[index], key: signer.verifierKey).head.size == 7)
            #expect(throws: (any Error).self) {
                try proof.verify(entry: entries[(index + 1) % 7], key: signer.verifierKey)
            }
        }
    }

    @Test func theFormIsTheSpecifications() throws {
        let lines = String(decoding: try proof(6).bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines[0] == "c2sp.org/tlog-proof@v1")
        #expect(lines[1] == "index 6")
        #expect(lines[2].utf8.count == 44)
        #expect(lines[4] == "")
        #expect(lines[5] == "log.example/1")
    }

    @Test func noByteCanBeFlipped() throws {
        let whole = try proof(3).bytes
        for place in whole.indices {
            for bit in 0..<8 {
                var bytes = whole
                bytes[place] ^= 1 << UInt8(bit)
                let isAccepted =
                    (try? TransparencyProof(bytes).verify(entry: entries[3], key: signer.verifierKey)) != nil
                #expect(!isAccepted, "byte \(place), bit \(bit)")
            }
            #expect(throws: (any Error).self) {
                try TransparencyProof(Array(whole[..<place])).verify(entry: entries[3], key: signer.verifierKey)
            }
        }
    }

    @Test(arguments: [
        "", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v2\nindex 0\n\n", "c2sp.org/tlog-proof@v1\nindex 01\n\n",
        "c2sp.org/tlog-proof@v1\nextra AA==\nindex 0\n\n", "c2sp.org/tlog-proof@v1\nindex 18446744073709551616\n\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n",
    ])
    func whatIsNoProofIsRefused(text: String) throws {
        let bytes = Array(text.utf8) + note.bytes
        #expect(throws: LedgerFormatError.self) { try TransparencyProof(bytes) }
        let long = Array(
            ("c2sp.org/tlog-proof@v1\nindex 0\n"
                + String(repeating: TreeHead.empty.root.base64 + "\n", count: 64) + "\n").utf8)
        #expect(throws: LedgerFormatError.self) { try TransparencyProof(long + note.bytes) }
    }
}
