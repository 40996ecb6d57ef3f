import GatewayCore
import SQLAnalysis
import Synchronization
import Testing

/// The analyser as a shared service: its cache, its queue and its threads.
@Suite struct AnalyzerTests {
    @Test func keepsByExactText() async {
        let own = SQLAnalyzer()
        defer { own.shutdown() }
        #expect(own.cached(Array("SELECT 1".utf8)) == nil)
        let first = await analyze("SELECT 1", with: own)
        #expect(own.cached(Array("SELECT 1".utf8)) === first)
        #expect(await analyze("SELECT 1", with: own) === first)
        #expect(own.cached(Array("SELECT 1 ".utf8)) == nil)
        #expect(own.cached(Array("select 1".utf8)) == nil)
    }

    @Test func cacheKeepsItsByteCap() async {
        var configuration = SQLAnalyzer.Configuration()
        configuration.cacheBytes = 64 << 10
        let own = SQLAnalyzer(configuration)
        defer { own.shutdown() }
        for number in 0..<500 {
            _ = await analyze("SELECT \(number)", with: own)
            _ = await analyze("SELECT 'kept'", with: own)
        }
        #expect(own.cacheUse.bytes <= 64 << 10)
        #expect(own.cacheUse.entries > 10)
        // What is used again and again stays, what came first is gone.
        #expect(own.cached(Array("SELECT 'kept'".utf8)) != nil)
        #expect(own.cached(Array("SELECT 0".utf8)) == nil)
        #expect(own.cached(Array("SELECT 499".utf8)) != nil)
        // A single text may not push out everything.
        let before = own.cacheUse.entries
        _ = await analyze("SELECT '" + String(repeating: "x", count: 32 << 10) + "'", with: own)
        #expect(own.cacheUse.entries == before)
    }

    @Test func thousandsOfCallsAtOnce() async {
        var configuration = SQLAnalyzer.Configuration()
        configuration.queue = 100_000
        configuration.cacheBytes = 256 << 10
        let own = SQLAnalyzer(configuration)
        defer { own.shutdown() }
        let wrong = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<4_000 {
                group.addTask {
                    let analysis = await analyze("SELECT a FROM t\(number % 700) WHERE b = '\(number)'", with: own)
                    return analysis.statements.first?.reads != [RelationName(name: "t\(number % 700)")]
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(wrong == 0)
    }

    @Test func overTheQueueIsRefusedAndAnsweredOnce() async {
        var configuration = SQLAnalyzer.Configuration()
        configuration.threads = 1
        configuration.queue = 2
        let own = SQLAnalyzer(configuration)
        defer { own.shutdown() }
        let answers = await withTaskGroup(of: String?.self) { group in
            for number in 0..<200 {
                group.addTask {
                    await analyze("SELECT \(number)" + String(repeating: "+1", count: 2_000), with: own).notUnderstood?
                        .message
                }
            }
            return await group.reduce(into: [String?]()) { $0.append($1) }
        }
        #expect(answers.count == 200)
        #expect(answers.contains(nil))
        #expect(answers.contains("the analyser is busy, try again"))
        // A refusal for want of room is not kept.
        #expect(await analyze("SELECT 1" + String(repeating: "+1", count: 2_000), with: own).notUnderstood == nil)
    }

    @Test func afterShutdownNothingIsUnderstood() async {
        let own = SQLAnalyzer()
        own.shutdown()
        #expect(await analyze("SELECT 1", with: own).notUnderstood != nil)
    }

    @Test func fingerprints() async {
        func fingerprint(_ text: String) async -> String? {
            let analysis = await analyze(text)
            return await withCheckedContinuation { continuation in
                analyzer.fingerprint(analysis) { continuation.resume(returning: $0) }
            }
        }
        let one = await fingerprint("SELECT * FROM t WHERE a = 1")
        #expect(one?.count == 16)
        #expect(await fingerprint("select  *  from T where a = 'x'") == one)
        #expect(await fingerprint("SELECT * FROM u WHERE a = 1") != one)
        #expect(await fingerprint("SELECT FROM FROM") == nil)
    }

    @Test func lookUpIsCheap() async {
        let text = Array("SELECT abalance FROM pgbench_accounts WHERE aid = 4711".utf8)
        _ = await analyze(text)
        let clock = ContinuousClock()
        var found = 0
        let time = clock.measure {
            for _ in 0..<100_000 where analyzer.cached(text) != nil { found += 1 }
        }
        print("cached look-up: \(time / 100_000)")
        #expect(found == 100_000)
    }

    @Test func costOfAnAnalysis() {
        let clock = ContinuousClock()
        let done = Mutex(0)
        let small = Array("SELECT abalance FROM pgbench_accounts WHERE aid = ".utf8)
        let time = clock.measure {
            for number in 0..<2_000 {
                analyzer.analyze(small + Array("\(number)".utf8)) { _ in done.withLock { $0 += 1 } }
                while done.withLock({ $0 }) + 500 < number {}
            }
            while done.withLock({ $0 }) < 2_000 {}
        }
        print("analysis of a short text, two threads: \(time / 2_000)")
    }
}
