import GatewayCore
import GatewayServer
import Identity
import Synchronization
import Testing

@Suite struct SteadyTimeTests {
    private final class Clock: Sendable {
        let wall = Mutex(Timestamp(microseconds: 1_800_000_000_000_000))
        let elapsed = Mutex<Int64>(0)
    }

    @Test func settingTheClockBackLengthensNothing() {
        let clock = Clock()
        let time = SteadyTime {
            clock.wall.withLock { $0 }
        } elapsed: {
            clock.elapsed.withLock { $0 }
        }
        let start = time.now
        func pass(_ seconds: Int64) {
            clock.elapsed.withLock { $0 += seconds * 1_000_000 }
            clock.wall.withLock { $0 = $0.advanced(bySeconds: seconds) }
        }
        pass(10)
        #expect(time.now == start.advanced(bySeconds: 10))
        clock.wall.withLock { $0 = $0.advanced(bySeconds: -86_400) }
        #expect(time.now == start.advanced(bySeconds: 10))
        pass(900)
        #expect(time.now == start.advanced(bySeconds: 910))
        // Ahead: it follows, and comes back with it, but never behind what went by.
        clock.wall.withLock { $0 = start.advanced(bySeconds: 5000) }
        #expect(time.now == start.advanced(bySeconds: 5000))
        clock.wall.withLock { $0 = start }
        #expect(time.now == start.advanced(bySeconds: 910))
        clock.elapsed.withLock { $0 = .max }
        #expect(time.now == Timestamp(microseconds: .max))
    }

    @Test func theRealOneGoesWithTheWall() {
        let time = SteadyTime()
        let before = Timestamp.wall()
        #expect(time.now >= before && time.now < Timestamp.wall().advanced(bySeconds: 60))
    }
}

@Suite struct DecisionGateTests {
    private func id(_ number: UInt64) -> RecordID { RecordID(high: 0, low: number) }

    /// How many are inside at once, for each.
    private final class Room: Sendable {
        private let state = Mutex<(inside: [RecordID: Int], most: Int)>(([:], 0))

        var most: Int { state.withLock { $0.most } }

        func enter(_ id: RecordID) {
            state.withLock { state in
                state.inside[id, default: 0] += 1
                state.most = max(state.most, state.inside[id] ?? 0)
            }
        }

        func leave(_ id: RecordID) { state.withLock { $0.inside[id, default: 0] -= 1 } }
    }

    @Test func oneAtATimeForEach() async {
        let (gate, room) = (DecisionGate(), Room())
        let ids = (0..<3).map { id($0) }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                let id = ids[number % 3]
                group.addTask {
                    await gate.run(id) {
                        room.enter(id)
                        await Task.yield()
                        room.leave(id)
                    }
                }
            }
        }
        #expect(room.most == 1)
    }

    @Test func anErrorOpensItAgain() async throws {
        struct Failed: Error {}
        let gate = DecisionGate()
        await #expect(throws: Failed.self) { try await gate.run(id(1)) { throw Failed() } }
        #expect(await gate.run(id(1)) { 7 } == 7)
    }
}
