import AuditLedger
import AuditStore
import GatewayCore
import LedgerWitness
import Testing

@Suite("Witness: what it answered it never forgets")
struct DurabilityTests {
    /// Cosigns 3, 4, 4, 9 and 300 until the disk fails; returns the largest size answered with a cosignature.
    private func run(_ storage: SimulatedStorage, _ log: TestLog) throws -> Int {
        guard let witness = try? newWitness(storage, log) else { return 0 }
        var answered = 0
        for size in [3, 4, 4, 9, 300] {
            let answer = witness.addCheckpoint(try log.request(answered, size))
            #expect(answer.status == 200 || answer.status == 500)
            if answer.status == 200 { answered = size }
        }
        return answered
    }

    private func known(_ witness: Witness, _ log: TestLog) throws -> Int {
        let answer = witness.addCheckpoint(try log.request(1, 2))
        return answer.status == 409 ? Int(answer.text.dropLast()) ?? -1 : answer.status == 422 ? 0 : -1
    }

    @Test("Power loss at every call, with and without parts of what was not synced")
    func powerLoss() throws {
        let log = try TestLog()
        let whole = SimulatedStorage()
        #expect(try run(whole, log) == 300)
        #expect(whole.calls > 20)
        for at in 1...whole.calls {
            for seed in 0..<8 {
                let storage = SimulatedStorage(fault: .init(at: at, call: nil, number: 5, isCrash: true))
                let answered = try run(storage, log)
                var random = SystemRandomNumberGenerator()
                let rebooted = storage.rebooted(keep: { seed > 0 && Bool.random(using: &random) })
                let witness = try newWitness(rebooted, log)
                let known = try known(witness, log)
                #expect(known >= answered, "crash at call \(at): \(answered) was answered, \(known) is known")
                // And it goes on from there.
                #expect(witness.addCheckpoint(try log.request(known, 300)).status == 200)
            }
        }
    }

    @Test("kill -9 at every call")
    func killed() throws {
        let log = try TestLog()
        let whole = SimulatedStorage()
        _ = try run(whole, log)
        for at in 1...whole.calls {
            let storage = SimulatedStorage(fault: .init(at: at, call: nil, number: 5, isCrash: true))
            let answered = try run(storage, log)
            let known = try known(try newWitness(storage.copied(), log), log)
            #expect(known >= answered, "killed at call \(at)")
        }
    }

    @Test("A call that fails once: nothing is cosigned any more until a restart, which knows all that was answered")
    func failsOnce() throws {
        let log = try TestLog()
        let whole = SimulatedStorage()
        _ = try newWitness(whole, log)
        let start = whole.calls
        _ = try run(whole, log)
        for at in (start + 1)...whole.calls {
            let storage = SimulatedStorage(fault: .init(at: at, call: nil, number: 28, isCrash: false))
            let witness = try newWitness(storage, log)
            var answered = 0
            var failures = 0
            for size in [3, 4, 9, 300] {
                let answer = witness.addCheckpoint(try log.request(answered, size))
                if answer.status == 200 {
                    #expect(failures == 0, "cosigned after a failure at call \(at)")
                    answered = size
                } else {
                    failures += 1
                }
            }
            #expect((failures > 0) == (witness.problem != nil))
            let known = try known(try newWitness(storage.rebooted(), log), log)
            #expect(known >= answered, "failure at call \(at)")
        }
    }

    @Test("One copy of the state may rot; with both gone the witness does not start anew")
    func rot() throws {
        let log = try TestLog()
        let storage = SimulatedStorage()
        #expect(try run(storage, log) == 300)
        let path = try #require(storage.paths.first { $0.hasPrefix("logs/") })
        let second = 512 << 10
        for place in [0, 9, 20, 30, 60, 70, 200] {
            for copy in [0, second] {
                let damaged = storage.copied()
                damaged.edit(path) { $0[copy + place] ^= 0x40 }
                #expect(try known(try newWitness(damaged, log), log) == 300, "byte \(place) of copy at \(copy)")
            }
            let damaged = storage.copied()
            damaged.edit(path) {
                $0[place] ^= 0x40
                $0[second + place] ^= 0x40
            }
            #expect(throws: GatewayError.self, "byte \(place)") { try newWitness(damaged, log) }
        }
        let cut = storage.copied()
        cut.edit(path) { $0 = [] }
        #expect(throws: GatewayError.self) { try newWitness(cut, log) }
    }

    @Test("Another log's state is no state of this one")
    func swapped() throws {
        let (one, other) = (try TestLog(), try TestLog("gw-2.example.com/x", key: 3))
        let storage = SimulatedStorage()
        let witness = try newWitness(storage, one, other)
        #expect(witness.addCheckpoint(try one.request(0, 9)).status == 200)
        let paths = storage.paths.filter { $0.hasPrefix("logs/") }
        #expect(paths.count == 2)
        let contents = paths.map { storage.bytes(of: $0) ?? [] }
        storage.edit(paths[0]) { $0 = contents[1] }
        storage.edit(paths[1]) { $0 = contents[0] }
        #expect(throws: GatewayError.self) { try newWitness(storage, one, other) }
    }
}
