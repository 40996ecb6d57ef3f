import AuditLedger
import AuditStore
import Crypto
import GatewayConfiguration
import GatewayCore
import GatewayServer
import LedgerWitness
import Logging
import Synchronization
import Testing

/// Real witnesses behind a transport that fails and lies as told; addressed as `w0`, `w1`, ...
private final class FakeNetwork: WitnessTransport {
    enum Fault: Sendable { case down, hangs, status(Int), body([UInt8]), conflict(String, type: String) }

    let witnesses: [Witness]
    let faults = Mutex<[String: Fault]>([:])
    let posts = Mutex<[String: Int]>([:])

    init(_ witnesses: [Witness]) {
        self.witnesses = witnesses
    }

    func set(_ name: String, _ fault: Fault?) { faults.withLock { $0[name] = fault } }

    func post(_ url: String, _ body: [UInt8]) async throws -> WitnessAnswer {
        let name = String(url.split(separator: "/")[0])
        posts.withLock { $0[name, default: 0] += 1 }
        switch faults.withLock({ $0[name] }) {
        case .down: throw GatewayError(.witnessUnreachable, "down")
        case .hangs: try await Task.sleep(for: .seconds(3600))
        case .status(let status): return WitnessAnswer(status: status)
        case .body(let body): return WitnessAnswer(status: 200, body: body)
        case .conflict(let text, let type): return WitnessAnswer(status: 409, contentType: type, body: Array(text.utf8))
        case nil: break
        }
        guard let place = Int(name.dropFirst()) else { return WitnessAnswer(status: 404) }
        let answer = witnesses[place].addCheckpoint(body)
        return WitnessAnswer(status: answer.status, contentType: answer.contentType, body: answer.body)
    }

    func shutdown() async {}
}

/// A service over two witnesses, and what it published.
private final class Scene: Sendable {
    let log: TestLog
    let network: FakeNetwork
    let service: WitnessService
    let configuration: LedgerConfiguration

    private final class Box: WitnessedLedger {
        let log: TestLog
        let notes = Mutex<[SignedNote]>([])
        let time = Mutex<Double>(0)

        init(_ log: TestLog) {
            self.log = log
        }

        func proof(from old: UInt64, to new: UInt64) throws -> [TreeHash] { try log.proof(Int(old), Int(new)) }

        func publish(_ note: SignedNote) { notes.withLock { $0.append(note) } }
    }

    private let box: Box

    init(_ log: TestLog, required: Int = 0, maximumUnwitnessed: Int? = nil, witnesses: [Witness]? = nil) throws {
        self.log = log
        let all = try witnesses ?? [newWitness(SimulatedStorage(), log), Self.other(log)]
        network = FakeNetwork(all)
        var configuration = LedgerConfiguration()
        configuration.witnesses = all.enumerated().map { WitnessConfiguration(url: "w\($0)", key: $1.verifierKey) }
        configuration.required = required
        configuration.maximumUnwitnessed = maximumUnwitnessed
        self.configuration = configuration
        let box = Box(log)
        self.box = box
        service = try WitnessService(
            configuration,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: network,
            backOff: 0.005...0.02, clock: { box.time.withLock { $0 } })
        service.connect(box)
    }

    static func other(_ log: TestLog, _ storage: SimulatedStorage = SimulatedStorage()) throws -> Witness {
        let key = try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 77, count: 32))
        return try Witness(
            storage: storage, cosigner: Cosigner(name: "witness.example.org/w2", privateKey: key),
            logs: [log.signer.verifierKey], now: { Timestamp(microseconds: 1_790_000_000_000_000) })
    }

    func note(_ size: Int) throws -> SignedNote {
        try log.signer.note(Checkpoint(origin: log.origin, head: log.head(size)).text)
    }

    func offer(_ size: Int) throws { service.offer(try note(size)) }

    func passes(_ seconds: Double) { box.time.withLock { $0 += seconds } }

    /// Size and number of cosignatures of what is published now.
    var state: (size: UInt64, cosigned: Int)? {
        guard let note = box.notes.withLock({ $0.last }), let head = try? Checkpoint(text: note.text).head else {
            return nil
        }
        return (head.size, (try? note.verify(configuration.witnesses.map(\.key)).count) ?? 0)
    }

    var sizes: [UInt64] {
        box.notes.withLock { $0 }.compactMap { try? Checkpoint(text: $0.text).head.size }
    }

    /// Polls; the limit only ends a test that would fail.
    func until(_ what: String, _ condition: () -> Bool) async throws {
        for _ in 0..<2000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("\(what): not within 10 s")
    }
}

@Suite("Witnesses of the gateway")
struct WitnessServiceTests {
    @Test("Cosignatures of both are added to what was published at once")
    func both() async throws {
        let scene = try Scene(TestLog())
        scene.service.start()
        try scene.offer(5)
        #expect(scene.state?.size == 5)
        try await scene.until("two cosignatures") { scene.state?.cosigned == 2 }
        for size in [6, 40, 256, 300] { try scene.offer(size) }
        try await scene.until("the last with both") { scene.state?.size == 300 && scene.state?.cosigned == 2 }
        #expect(scene.sizes == scene.sizes.sorted(), "an older note was published after a newer one")
        #expect(scene.service.admissionProblem == nil)
        await scene.service.stop()
    }

    @Test("A witness that knows another size tells it, and gets the proof from there")
    func learns() async throws {
        let log = try TestLog()
        let scene = try Scene(log, required: 2)
        #expect(scene.network.witnesses[0].addCheckpoint(try log.request(0, 7)).status == 200)
        scene.service.start()
        try scene.offer(9)
        try await scene.until("published") { scene.state?.size == 9 }
        // One asked in vain, the other was new.
        #expect(scene.network.posts.withLock { $0 } == ["w0": 2, "w1": 1])
        // From now on the size is known.
        try scene.offer(20)
        try await scene.until("published") { scene.state?.size == 20 }
        #expect(scene.network.posts.withLock { $0 } == ["w0": 3, "w1": 2])
        await scene.service.stop()
    }

    @Test("Two required and one down: nothing is published until it comes back, then the newest is")
    func required() async throws {
        let scene = try Scene(TestLog(), required: 2)
        scene.network.set("w1", .down)
        scene.service.start()
        #expect(scene.service.admissionProblem?.code == .ledgerUnwitnessed)
        for size in 5...30 { try scene.offer(size) }
        try await scene.until("the other has signed") { scene.service.statuses[0].size != nil }
        try await scene.until("it was tried again") { scene.service.statuses[1].failures > 2 }
        #expect(scene.state == nil)
        scene.network.set("w1", nil)
        try await scene.until("published") { scene.state?.size == 30 }
        #expect(scene.service.admissionProblem == nil)
        await scene.service.stop()
    }

    @Test("max_unwitnessed: past it no session is admitted, until witnesses sign again")
    func unwitnessed() async throws {
        let scene = try Scene(TestLog(), required: 1, maximumUnwitnessed: 60)
        scene.service.start()
        try scene.offer(5)
        try await scene.until("published") { scene.state?.size == 5 }
        scene.passes(1000)
        #expect(scene.service.admissionProblem == nil, "nothing waits")
        for name in ["w0", "w1"] { scene.network.set(name, .hangs) }
        try scene.offer(6)
        scene.passes(59)
        #expect(scene.service.admissionProblem == nil)
        try scene.offer(7)
        scene.passes(2)
        #expect(scene.service.admissionProblem?.code == .ledgerUnwitnessed)
        #expect(scene.service.unwitnessedSeconds == 61)
        await scene.service.stop()
    }

    @Test("At the start: a witness that knows more, or another history, is believed; one that is silent is named")
    func start() async throws {
        let log = try TestLog()
        func witnesses(_ body: [UInt8]) throws -> [Witness] {
            let one = try newWitness(SimulatedStorage(), log)
            #expect(one.addCheckpoint(body).status == 200)
            return [one, try Scene.other(log)]
        }
        // Yesterday's copy: the witness saw 200, the copy has 100.
        let old = try Scene(log, witnesses: witnesses(log.request(0, 200)))
        let error = await #expect(throws: GatewayError.self) { try await old.service.ask(old.note(100)) }
        #expect(error?.code == .ledgerRewound && error?.message.contains("200 entries") == true)
        // A copy that went on by itself is larger, or as large, and still not the same.
        let fork = try TestLog(fork: 100)
        for size in [200, 250] {
            let other = try Scene(fork, witnesses: witnesses(log.request(0, 200)))
            let error = await #expect(throws: GatewayError.self) { try await other.service.ask(other.note(size)) }
            #expect(error?.code == .ledgerRewound, "size \(size)")
        }
        // All is well.
        let good = try Scene(log, required: 2, witnesses: witnesses(log.request(0, 200)))
        #expect(try await good.service.ask(good.note(250)) == [])
        #expect(good.state == nil && good.service.admissionProblem == nil)
        // One is down, one hangs.
        let silent = try Scene(log)
        silent.network.set("w0", .down)
        silent.network.set("w1", .hangs)
        #expect(try await silent.service.ask(silent.note(250), within: 0.05).count == 2)
    }

    @Test("A contradiction while running closes the door for good")
    func contradiction() async throws {
        let log = try TestLog()
        let scene = try Scene(log)
        scene.service.start()
        try scene.offer(5)
        try await scene.until("signed") { scene.state?.cosigned == 2 }
        // Somebody else signs with this log's key.
        let other = try TestLog(fork: 5)
        #expect(scene.network.witnesses[0].addCheckpoint(try other.request(5, 8)).status == 200)
        try scene.offer(9)
        try await scene.until("alarm") { scene.service.admissionProblem?.code == .ledgerRewound }
        try scene.offer(10)
        try await scene.until("the other goes on") { scene.service.statuses[1].size == 10 }
        #expect(scene.service.admissionProblem?.code == .ledgerRewound)
        await scene.service.stop()
    }

    @Test("Answers that are none count for nothing")
    func lies() async throws {
        let log = try TestLog()
        let stranger = try Cosigner(name: "witness.example.com/w1", privateKey: Curve25519.Signing.PrivateKey())
        let text = try Checkpoint(origin: log.origin, head: log.head(5)).text
        let lies: [FakeNetwork.Fault] = [
            .status(200), .status(302), .status(403), .status(404), .status(500), .body([0xFF, 0]),
            .body(try stranger.sign(text, time: 1).line), .body([UInt8](repeating: 10, count: 1000)),
            .conflict("7", type: "text/x.tlog.size"), .conflict("-1\n", type: "text/x.tlog.size"),
            .conflict("3\n", type: "text/plain"), .conflict("99999999999999999999\n", type: "text/x.tlog.size"),
            .conflict("0\n", type: "text/x.tlog.size"),
        ]
        for lie in lies {
            let scene = try Scene(log, required: 1)
            scene.network.set("w0", lie)
            scene.network.set("w1", .down)
            scene.service.start()
            try scene.offer(5)
            try await scene.until("tried: \(lie)") { scene.service.statuses[0].failures > 1 }
            #expect(scene.state == nil, "\(lie)")
            #expect(scene.service.admissionProblem?.code == .ledgerUnwitnessed, "\(lie)")
            scene.network.set("w0", nil)
            try await scene.until("recovered from \(lie)") { scene.state?.size == 5 }
            await scene.service.stop()
        }
    }
}
