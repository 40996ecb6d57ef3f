import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Testing

/// What the recorder keeps back, merges and splits never shows in what is read.
@Suite struct RecorderTests {
    @Test func aShortAnswerIsKeptBackUntilSomethingIsAppended() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        try recorder.append(EntryDraft(.sessionOpen))
        let command = try recorder.command(1, "SELECT 1")
        #expect(try recorder.flush() == nil)
        #expect(try recorder.answer(1, [1, 2, 3]) == nil)
        #expect(try recorder.answer(1, [4], retained: false) == nil, "the place of what came before is not known yet")
        let flushed = try #require(try recorder.flush())
        #expect(flushed > command)
        #expect(try recorder.answer(1, [5], retained: false) == flushed)
        #expect(try #require(try recorder.answer(1, [UInt8](repeating: 1, count: 20_000))) > flushed)
    }

    /// Exchanges that overlap, chunks of all sizes in both directions, flushes anywhere.
    @Test(arguments: 0..<20) func whatWasAppendedIsReadBack(run: Int) async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = Seeded(state: seed)
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        var open: [UInt64] = []
        var answers: [UInt64: [UInt8]] = [:]
        var inputs: [UInt64: [UInt8]] = [:]
        var last: UInt64 = 0
        var position = LogPosition.start
        func check(_ next: LogPosition?) {
            guard let next else { return }
            #expect(next >= position, "seed \(seed)")
            position = next
        }
        for _ in 0..<200 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1:
                last += 1
                open.append(last)
                check(try recorder.command(last, "SELECT \(last)"))
            case 2 where !open.isEmpty:
                check(try recorder.outcome(open.remove(at: Int.random(in: 0..<open.count, using: &random))))
            case 3: check(try recorder.flush())
            default:
                guard let number = open.randomElement(using: &random) else { continue }
                let size = [1, 10, 300, 8192, 8193, 30_000].randomElement(using: &random) ?? 1
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: UInt64($0) &+ number) }
                if Bool.random(using: &random) {
                    answers[number, default: []] += bytes
                    check(try recorder.answer(number, bytes))
                } else {
                    inputs[number, default: []] += bytes
                    check(
                        try bytes.withUnsafeBytes {
                            try recorder.appendChunk(exchange: number, direction: .input, $0, retained: true)
                        })
                }
            }
        }
        for number in open { check(try recorder.outcome(number)) }
        try await store.durable(recorder.close())
        let archive = try #require(store.archive)
        #expect(try await archive.caughtUp())
        for number in 1...max(last, 1) {
            let answer = try archive.chunks(of: context.session, exchange: number, .answer, limit: 1 << 24)
            let input = try archive.chunks(of: context.session, exchange: number, .input, limit: 1 << 24)
            #expect(answer.bytes == answers[number, default: []], "seed \(seed), exchange \(number)")
            #expect(input.bytes == inputs[number, default: []], "seed \(seed), exchange \(number)")
        }
        // The commitments of the outcome stand for exactly these bytes.
        for entry in try archive.entries(of: context.session, from: 0, limit: 1000) {
            let leaf = try Leaf(entry.leaf)
            guard leaf.type == .commandOutcome, let number = leaf.exchange else { continue }
            for item in entry.content {
                let bytes = item.kind == .answer ? answers[number] : inputs[number]
                let commitment = Commitment(kind: item.kind, salt: item.salt, content: bytes ?? [])
                #expect(leaf.commitments.contains(commitment), "seed \(seed), exchange \(number)")
            }
            #expect(entry.content.count == (answers[number] == nil ? 0 : 1) + (inputs[number] == nil ? 0 : 1))
        }
    }
}
