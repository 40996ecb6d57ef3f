import AuditLedger
import Testing

@Suite("Witness")
struct WitnessTests {
    static let origin = "gw-1.example.com/k7"
    static let all = leaves(300)
    static let tiles = ScratchTiles(all)

    static func head(_ size: Int) -> TreeHead { TreeHead(size: UInt64(size), root: NaiveTree.root(all.prefix(size))) }

    static func request(
        old: Int, new: TreeHead, proof: [TreeHash]? = nil, origin: String = origin, seed: UInt8 = 1
    ) throws -> AddCheckpointRequest {
        let hashes =
            try proof
            ?? ConsistencyProof(oldSize: UInt64(old), newSize: new.size) { try tiles.tile($0) }.hashes
        let signer = try NoteSigner(name: origin, privateKey: key(seed))
        return try AddCheckpointRequest(
            oldSize: UInt64(old), proof: hashes, note: signer.note(Checkpoint(origin: origin, head: new).text))
    }

    static func log(_ latest: TreeHead?, origin: String = origin) throws -> WitnessedLog {
        WitnessedLog(
            origin: origin, keys: [try NoteSigner(name: origin, privateKey: key(1)).verifierKey], latest: latest)
    }

    @Test("From nothing, on, and again the same: cosigned")
    func cosigned() throws {
        var log = try Self.log(nil)
        for size in [0, 0, 1, 1, 2, 7, 256, 257, 300, 300] {
            let request = try Self.request(old: Int(log.latest?.size ?? 0), new: Self.head(size))
            let decision = WitnessDecision.decide(try AddCheckpointRequest(body: request.body), log: log)
            #expect(decision == .cosign(Self.head(size)))
            #expect(decision.status == 200)
            #expect(decision.conflictBody == nil)
            log.latest = Self.head(size)
        }
    }

    @Test("Every pair of sizes to 40 is cosigned, with its own proof and no other")
    func pairs() throws {
        for new in 1...40 {
            for old in 0...new {
                let log = try Self.log(old == 0 ? nil : Self.head(old))
                let good = try Self.request(old: old, new: Self.head(new))
                #expect(WitnessDecision.decide(good, log: log) == .cosign(Self.head(new)))
                let more = try Self.request(old: old, new: Self.head(new), proof: good.proof + [Self.all[0]])
                #expect(WitnessDecision.decide(more, log: log) == .unprocessable)
                if !good.proof.isEmpty {
                    let less = try Self.request(old: old, new: Self.head(new), proof: good.proof.dropLast())
                    #expect(WitnessDecision.decide(less, log: log) == .unprocessable)
                }
            }
        }
    }

    @Test("Refusals by the letter of the specification")
    func refusals() throws {
        let log = try Self.log(Self.head(100))
        let fork = TreeHead(size: 200, root: ProofTests.stranger)
        let sameSizeFork = TreeHead(size: 100, root: ProofTests.stranger)
        let table: [(String, AddCheckpointRequest, WitnessedLog?, WitnessDecision, Int)] = [
            ("unknown origin", try Self.request(old: 100, new: Self.head(200)), nil, .notFound, 404),
            (
                "origin of another log", try Self.request(old: 100, new: Self.head(200), origin: "other"), log,
                .notFound,
                404
            ),
            (
                "signed by another key", try Self.request(old: 100, new: Self.head(200), seed: 2), log, .forbidden,
                403
            ),
            (
                "another key, and no proof either", try Self.request(old: 3, new: fork, proof: [], seed: 2), log,
                .forbidden, 403
            ),
            ("old past new", try Self.request(old: 100, new: Self.head(99), proof: []), log, .badRequest, 400),
            (
                "old past new, and unknown to us", try Self.request(old: 101, new: Self.head(99), proof: []), log,
                .badRequest, 400
            ),
            (
                "rollback", try Self.request(old: 50, new: Self.head(60)), log, .conflict(latestSize: 100), 409
            ),
            ("behind", try Self.request(old: 50, new: Self.head(200)), log, .conflict(latestSize: 100), 409),
            ("ahead", try Self.request(old: 150, new: Self.head(200)), log, .conflict(latestSize: 100), 409),
            ("asks for the size", try Self.request(old: 0, new: Self.head(200)), log, .conflict(latestSize: 100), 409),
            (
                "from the start, of a new log", try Self.request(old: 5, new: Self.head(200)), try Self.log(nil),
                .conflict(latestSize: 0), 409
            ),
            ("fork", try Self.request(old: 100, new: fork), log, .unprocessable, 422),
            (
                "fork with an empty proof", try Self.request(old: 100, new: fork, proof: []), log, .unprocessable,
                422
            ),
            (
                "same size, other root", try Self.request(old: 100, new: sameSizeFork, proof: []), log,
                .conflict(latestSize: 100), 409
            ),
            (
                "same size, a proof", try Self.request(old: 100, new: Self.head(100), proof: [Self.all[0]]), log,
                .unprocessable, 422
            ),
            (
                "from nothing, a proof", try Self.request(old: 0, new: Self.head(9), proof: [Self.all[0]]),
                try Self.log(nil), .unprocessable, 422
            ),
            (
                "empty tree with a root",
                try Self.request(old: 0, new: TreeHead(size: 0, root: ProofTests.stranger), proof: []),
                try Self.log(nil), .conflict(latestSize: 0), 409
            ),
            (
                "the largest size",
                try Self.request(old: 100, new: TreeHead(size: TreeHead.maximumSize, root: fork.root), proof: []), log,
                .unprocessable, 422
            ),
        ]
        for (what, request, known, decision, status) in table {
            let made = WitnessDecision.decide(try AddCheckpointRequest(body: request.body), log: known)
            #expect(made == decision, "\(what)")
            #expect(made.status == status, "\(what)")
            if case .conflict(let size) = decision {
                let body = try #require(made.conflictBody)
                #expect(text(body) == "\(size)\n", "\(what)")
                #expect(AddCheckpointRequest.size(inConflict: body) == size)
            } else {
                #expect(made.conflictBody == nil)
            }
        }
    }

    @Test("Of several signatures one trusted is enough, and a wrong one under a trusted key is too many")
    func signatures() throws {
        let checkpoint = try Checkpoint(origin: Self.origin, head: Self.head(5))
        let trusted = try NoteSigner(name: Self.origin, privateKey: key(1))
        let other = try NoteSigner(name: Self.origin, privateKey: key(2))
        let log = try Self.log(nil)
        let both = try SignedNote(
            text: checkpoint.text, signatures: [other.sign(checkpoint.text), trusted.sign(checkpoint.text)])
        #expect(
            WitnessDecision.decide(try AddCheckpointRequest(oldSize: 0, proof: [], note: both), log: log)
                == .cosign(Self.head(5)))
        let wrong = try SignedNote(text: checkpoint.text, signatures: [trusted.sign(Array("x\n".utf8))])
        #expect(
            WitnessDecision.decide(try AddCheckpointRequest(oldSize: 0, proof: [], note: wrong), log: log) == .forbidden
        )
    }

    static let published = """
        old 20852014
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

        example.com/behind-the-sofa
        20852163
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
        — example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=

        """

    @Test("The specification's example request")
    func example() throws {
        let request = try AddCheckpointRequest(body: Array(Self.published.utf8))
        #expect(request.oldSize == 20_852_014)
        #expect(request.proof.count == 4)
        #expect(request.proof.first?.base64 == "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=")
        #expect(request.checkpoint.head.size == 20_852_163)
        #expect(request.note.signatures.map(\.keyID) == [0x033D_E0AE, 0xA292_EA05])
        #expect(text(request.body) == Self.published)
    }

    @Test("Bodies that are none")
    func refusedBodies() throws {
        let note = text(try Self.request(old: 0, new: Self.head(5)).note.bytes)
        let line = Self.all[0].base64
        let bodies = [
            "", "\n", "old", "old 0", "old 0\n", "old 0\n\n", "\n" + note, note, "old 0\n" + note, "old  0\n\n" + note,
            "old 00\n\n" + note, "old 01\n\n" + note, "old -1\n\n" + note, "old +1\n\n" + note, "old \n\n" + note,
            "old\n\n" + note, "Old 0\n\n" + note, "old 0 \n\n" + note, "old 18446744073709551616\n\n" + note,
            "old 0\r\n\r\n" + note, "old 0\n\(line.dropLast())\n\n" + note, "old 0\n\(line)=\n\n" + note,
            "old 0\n\(line) \n\n" + note, "old 0\n\(line)\(line)\n\n" + note, "old 0\nAAAA\n\n" + note,
            "old 0\n\n\n" + note, "old 0\n\n" + note + "x", "old 0\n\n" + note + "\n", "old 0\n\nnot a checkpoint\n",
            "old 0\n\(String(repeating: line + "\n", count: 64))\n" + note,
            "old 0\n\n" + String(repeating: "x", count: 300_000),
        ]
        for body in bodies {
            #expect(throws: LedgerFormatError.self, "\(body.prefix(80))") {
                try AddCheckpointRequest(body: Array(body.utf8))
            }
        }
        let most = "old 0\n\(String(repeating: line + "\n", count: 63))\n" + note
        #expect(try AddCheckpointRequest(body: Array(most.utf8)).proof.count == 63)
        let maximum = try AddCheckpointRequest(body: Array(("old 18446744073709551615\n\n" + note).utf8))
        #expect(WitnessDecision.decide(maximum, log: try Self.log(nil)) == .badRequest)
        #expect(throws: LedgerFormatError.self) {
            try AddCheckpointRequest(
                oldSize: 0, proof: [TreeHash](repeating: Self.all[0], count: 64), note: maximum.note)
        }
        for wrong in ["", "\n", "5", "05\n", "5 \n", "5\n\n", "-5\n", "18446744073709551616\n"] {
            #expect(AddCheckpointRequest.size(inConflict: Array(wrong.utf8)) == nil)
        }
    }

    @Test("A request that is read is written back byte for byte, and a changed one is never cosigned as another head")
    func mutated() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed of mutated requests: \(seed)")
        var generator = SeededGenerator(seed)
        let log = try Self.log(Self.head(100))
        let whole = try Self.request(old: 100, new: Self.head(200)).body
        var accepted = 0
        for _ in 0..<20_000 {
            var changed = whole
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<changed.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: changed[place] = Array("\n09 AZaz+/=".utf8).randomElement(using: &generator)!
                case 1: changed.insert(Array("\n0 =A".utf8).randomElement(using: &generator)!, at: place)
                default: changed.remove(at: place)
                }
            }
            guard let request = try? AddCheckpointRequest(body: changed) else { continue }
            accepted += 1
            #expect(request.body == changed)
            let decision = WitnessDecision.decide(request, log: log)
            if changed != whole { #expect(decision.status != 200) }
        }
        #expect(accepted > 0)
    }
}
