import AuditStore
import GatewayCore
import Testing

@Suite struct FloodCounterTests {
    private func time(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    @Test func theFirstOfAMinuteAreSingleAndTheRestAreToldOnce() {
        let counter = FloodCounter(each: 3)
        let first = (0..<10).map { counter.take(at: time(60 + $0)) }
        #expect(first.map(\.isSingle) == [true, true, true] + Array(repeating: false, count: 7))
        #expect(first.allSatisfy { $0.flood == 0 })
        #expect(counter.take(at: time(120)) == .init(isSingle: true, flood: 7))
        #expect(counter.take(at: time(121)) == .init(isSingle: true, flood: 0))
        // A minute in which nothing was only counted has nothing to tell.
        #expect(counter.take(at: time(300)) == .init(isSingle: true, flood: 0))
    }

    @Test func aClockSetBackLosesNothing() {
        let counter = FloodCounter(each: 1)
        _ = counter.take(at: time(600))
        _ = counter.take(at: time(600))
        #expect(counter.take(at: time(0)) == .init(isSingle: true, flood: 1))
        #expect(counter.take(at: time(-90)) == .init(isSingle: true, flood: 0))
    }

    @Test func everyEventOfManyThreadsIsWrittenOrCounted() async {
        let counter = FloodCounter(each: 60)
        let written = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<1000).count { _ in counter.take(at: Timestamp(microseconds: 1)).isSingle } }
            }
            return await group.reduce(0, +)
        }
        #expect(written == 60)
        #expect(counter.take(at: time(60)).flood == 8000 - 60)
    }
}
