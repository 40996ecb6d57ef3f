import AuditLedger
import Crypto
import GatewayCore
import Testing

private let session = RecordID("01900000-0000-7000-8000-000000000001")!
private let entryID = RecordID("01900000-0000-7000-8000-00000000000a")!
private let anna = Principal(
    issuer: "https://idp.example.com", subject: "anna", name: "Anna A.", groups: ["x"], isPersonIssuer: true)

private func context() -> SessionContext {
    SessionContext(
        session: session, principal: anna, agent: AgentContext(agent: "reporter", run: "run-7", trust: .verified),
        connection: "orders",
        kind: "postgres", clientAddress: "127.0.0.1:5000", database: "shop", role: "app")
}

private func encode(_ draft: EntryDraft, _ context: SessionContext = context(), commitments: [Commitment] = [])
    -> [UInt8]
{
    var writer = CanonicalWriter()
    LeafEncoder(context).encode(
        draft, sequence: 3, id: entryID, time: Timestamp(microseconds: 1_700_000_000_000_001), commitments: commitments,
        into: &writer)
    return writer.bytes
}

/// A small seeded generator, so that a failure can be run again.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

@Suite struct LeafTests {
    @Test func aLeafIsExactlyThis() {
        var draft = EntryDraft(.commandOutcome, exchange: 2)
        draft.classes = ["select"]
        draft.objects = ["public.customers"]
        draft.verdict = .allow
        draft.rules = ["reads"]
        draft.policy = "abc123"
        draft.outcome = Outcome(kind: .error, code: "42P01", tag: nil, errorText: "secret text")
        draft.rows = 0
        draft.measures = [Measure("wait_us", 12), Measure("judge_us", 7)]
        let commitment = Commitment(kind: .text, digest: [UInt8](repeating: 0xAB, count: 32), size: 9)
        let expected =
            #"{"address":"127.0.0.1:5000","agent":{"name":"reporter","run":"run-7","trust":"verified"},"classes":["select"],"#
            + #""connection":"orders","content":[{"kind":"text","sha256":""# + String(repeating: "ab", count: 32)
            + #"","size":9}],"counts":{"judge_us":7,"rows":0,"wait_us":12},"database":"shop","exchange":2,"#
            + #""id":"01900000-0000-7000-8000-00000000000a","kind":"postgres","objects":["public.customers"],"#
            + #""outcome":{"code":"42P01","kind":"error"},"policy":"abc123","#
            + #""principal":{"issuer":"https://idp.example.com","name":"Anna A.","subject":"anna"},"role":"app","rules":["reads"],"#
            + #""seq":3,"session":"01900000-0000-7000-8000-000000000001","time":1700000000000001,"type":"command.outcome","v":1,"#
            + #""verdict":"allow"}"#
        #expect(String(decoding: encode(draft, commitments: [commitment]), as: UTF8.self) == expected)
    }

    /// Who made the verdict is told where that is not every rule that matched.
    @Test func rulesThatDecideAndRulesThatObserve() throws {
        var draft = EntryDraft(.commandHeld, exchange: 1)
        (draft.rules, draft.decidedBy, draft.observed) = (["a", "b", "c"], ["b"], ["c"])
        (draft.verdict, draft.would) = (.hold, .block)
        let leaf = try Leaf(encode(draft))
        for (name, expected) in [("rules", ["a", "b", "c"]), ("decided_by", ["b"]), ("observed", ["c"])] {
            #expect(leaf[name]?.list?.compactMap(\.string) == expected)
        }
        #expect(leaf["would"]?.string == "block")
        draft.decidedBy = draft.rules
        #expect(try Leaf(encode(draft))["decided_by"] == nil)
    }

    @Test func contentNeverReachesTheLeaf() {
        var draft = EntryDraft(.commandAllowed, exchange: 1)
        draft.content = [ContentItem(.text, "SELECT needle"), ContentItem(.reason, "needle")]
        draft.outcome = Outcome(kind: .error, errorText: "needle")
        #expect(!String(decoding: encode(draft), as: UTF8.self).contains("needle"))
    }

    @Test func whatIsReadBackIsWhatWasWritten() throws {
        var draft = EntryDraft(.signinRefused)
        draft.reasonCode = "token_expired"
        let leaf = try Leaf(encode(draft, commitments: [Commitment(kind: .answer, salt: [1], content: [2, 3])]))
        #expect(leaf.id == entryID)
        #expect(leaf.session == session)
        #expect(leaf.sequence == 3)
        #expect(leaf.type == .signinRefused)
        #expect(leaf.principal == anna)
        #expect(leaf.agent.run == "run-7")
        #expect(leaf.context?.database == "shop")
        #expect(leaf["reason"]?.string == "token_expired")
        #expect(leaf.commitments.first?.size == 2)
    }

    @Test func theLargestDraftStaysUnderTheLimit() throws {
        let long = String(repeating: "\u{1}", count: 70_000)
        let wide = String(repeating: "é\"", count: 40_000)
        for text in [long, wide] {
            let who = Principal(issuer: text, subject: text, name: text, groups: [], isPersonIssuer: false)
            let agent = AgentContext(
                agent: text, model: text, run: text, purpose: text, traceparent: text, onBehalfOf: text)
            let hostile = SessionContext(
                session: session, principal: who, agent: agent, connection: text, kind: text, clientAddress: text,
                database: text,
                role: text, durability: text)
            var draft = EntryDraft(EntryType(rawValue: text), exchange: .max)
            draft.classes = Array(repeating: text, count: 500)
            draft.objects = Array(repeating: text, count: 500)
            draft.rules = Array(repeating: text, count: 500)
            draft.decidedBy = Array(repeating: text, count: 400)
            draft.observed = Array(repeating: text, count: 500)
            draft.would = .block
            draft.verb = text
            draft.policy = text
            draft.reasonCode = text
            draft.approver = who
            draft.requester = who
            draft.outcome = Outcome(kind: .interrupted, code: text, rows: .max, tag: text)
            draft.measures = (0..<500).map { Measure("\($0)" + text, .min) }
            draft.details = Dictionary(uniqueKeysWithValues: (0..<500).map { ("\($0)" + text, text) })
            let commitment = Commitment(
                kind: .init(rawValue: text), digest: [UInt8](repeating: 1, count: 32), size: .max, kept: .max)
            let bytes = encode(draft, hostile, commitments: Array(repeating: commitment, count: 64))
            #expect(bytes.count <= LeafEncoder.maximumLength, "\(bytes.count) bytes")
            #expect(!bytes.contains(0x0A))
            let leaf = try Leaf(bytes)
            #expect(leaf["objects_total"]?.integer == 500)
            #expect((leaf["objects"]?.list?.count ?? 0) < 500)
        }
    }

    /// A lock is made again from them at the next start, so the longest claim must come back as it went in.
    @Test func theFewDetailsOfALockAreWhole() throws {
        for text in ["s", "\"", "\\", "é"].map({ String(repeating: $0, count: 1024 / $0.utf8.count) }) {
            var draft = EntryDraft(.lockSet)
            draft.details = ["lock": text, "author": text, "subject": text, "issuer": text]
            let leaf = try Leaf(encode(draft))
            for key in draft.details.keys {
                #expect(leaf.value["details"]?[key]?.string == text, "\(key)")
            }
        }
    }

    @Test func randomDraftsAreCanonical() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Seeded(state: seed)
        let alphabet: [Character] = [
            "a", "\"", "\\", "\n", "\u{0}", "\u{1F}", "\u{7F}", "é", "😀", "/", " ", "\u{2028}",
        ]
        func text() -> String {
            String((0..<Int.random(in: 0...12, using: &random)).map { _ in alphabet.randomElement(using: &random)! })
        }
        for _ in 0..<2000 {
            var draft = EntryDraft(
                EntryType(rawValue: text()), exchange: Bool.random(using: &random) ? random.next() : nil)
            draft.objects = (0..<Int.random(in: 0...3, using: &random)).map { _ in text() }
            draft.details = Dictionary((0..<3).map { _ in (text(), text()) }, uniquingKeysWith: { one, _ in one })
            draft.measures = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                Measure(text(), Int.random(in: -5...5, using: &random))
            }
            draft.rows = Bool.random(using: &random) ? Int.random(in: 0...99, using: &random) : nil
            draft.aboutSession = Bool.random(using: &random) ? session : nil
            let bytes = encode(draft)
            let value = try LeafReader.read(bytes)
            var again = CanonicalWriter()
            again.value(value)
            #expect(again.bytes == bytes, "seed \(seed)")
            #expect(value["objects"]?.list?.compactMap(\.string) ?? [] == draft.objects, "seed \(seed)")
        }
    }

    @Test(arguments: [
        "", "[]", "{", "{}x", #"{"a":1,"a":2}"#, #"{"b":1,"a":2}"#, #"{"a": 1}"#, #"{"a":01}"#, #"{"a":-0}"#,
        #"{"a":1.5}"#, #"{"a":1e3}"#,
        #"{"a":9007199254740992}"#, #"{"a":true}"#, #"{"a":null}"#, "{\"a\":\"\n\"}", #"{"a":"\u000a"}"#,
        #"{"a":"\u0041"}"#,
        #"{"a":"\/"}"#, #"{"a":"\u001F"}"#, #"{"a":[1,]}"#, #"{"a":"x"#, #"{"a":[[[[[[[[1]]]]]]]]}"#,
    ]) func whatIsNotCanonicalIsRefused(_ text: String) {
        #expect(throws: LeafReader.Failure.self) { try LeafReader.read(Array(text.utf8)) }
    }

    @Test func invalidTextIsRefused() {
        #expect(throws: LeafReader.Failure.self) {
            try LeafReader.read(Array(#"{"a":""#.utf8) + [0xFF] + Array("\"}".utf8))
        }
    }

    @Test func everyCutOfALeafIsRefused() throws {
        let bytes = encode(EntryDraft(.sessionOpen))
        for count in 0..<bytes.count {
            #expect(throws: LeafReader.Failure.self) { try Leaf(Array(bytes.prefix(count))) }
        }
    }

    @Test func aCommitmentIsTheHashOfSaltAndContent() {
        let salt = systemRandomBytes(Commitment.saltLength)
        let content = Array("SELECT 1".utf8)
        let expected = Array(SHA256.hash(data: salt + content))
        #expect(Commitment(kind: .text, salt: salt, content: content).digest == expected)
        var running = RunningCommitment(salt: salt)
        for byte in content { withUnsafeBytes(of: byte) { running.update($0, kept: true) } }
        let finished = running.finish(kind: .answer)
        #expect(finished.digest == expected)
        #expect(finished.size == 8)
        #expect(finished.kept == nil)
    }

    @Test func saltsDiffer() {
        #expect(Set((0..<1000).map { _ in systemRandomBytes(32) }).count == 1000)
        #expect(systemRandomBytes(13).count == 13)
    }

    @Test func encodingIsFast() {
        let encoder = LeafEncoder(context())
        var draft = EntryDraft(.commandAllowed, exchange: 1)
        draft.classes = ["select"]
        draft.objects = ["public.customers", "public.orders"]
        draft.verdict = .allow
        draft.rules = ["reads"]
        let commitment = Commitment(kind: .text, digest: [UInt8](repeating: 1, count: 32), size: 9)
        var writer = CanonicalWriter()
        let rounds = 20_000
        let time = ContinuousClock().measure {
            for round in 0..<rounds {
                writer.bytes.removeAll(keepingCapacity: true)
                encoder.encode(
                    draft, sequence: UInt64(round), id: entryID, time: Timestamp(microseconds: 1),
                    commitments: [commitment], into: &writer)
            }
        }
        print("figure: one leaf of \(writer.bytes.count) bytes in \(time / rounds)")
        #expect(time / rounds < .microseconds(100))
    }
}
