import AccessPolicy
import AuditLedger
import DataMasking
import Foundation
import GatewayCore
import Glibc
import NIOCore
import PostgresDialect
import SQLAnalysis
import SessionKernel
import Testing

/// What one exchange costs the event loop in kernel and dialect, without sockets and ledger: a figure, and a bound far above.
@Suite(.serialized) struct ThroughputTests {
    private struct Judge: CommandJudge {
        let analysis: SQLAnalysis
        let policy: PolicySnapshot
        func cachedAnalysis(of text: [UInt8]) -> SQLAnalysis? { analysis }
        func verdict(on subject: CommandSubject) -> Verdict? { policy.evaluate(subject) }
    }

    /// A machine with an open session whose shell does everything at once.
    private struct Session {
        var machine: SessionMachine
        var last: RecordNumber = 0
        var lookups = 0
        var sent = 0

        mutating func run(_ actions: [SessionAction]) {
            for action in actions {
                switch action {
                case .record(let number, _), .recordChunk(let number, _, _, _, _): last = max(last, number)
                case .lookUp: lookups += 1
                case .sendToClient(let bytes), .sendToTarget(let bytes): sent += bytes.readableBytes
                default: break
                }
            }
        }

        mutating func durable() {
            run(machine.durable(through: last))
        }
    }

    @Test func aPreparedSelectCostsItsLoopLittle() async throws {
        let text = "SELECT abalance FROM pgbench_accounts WHERE aid = $1"
        let judge = Judge(
            analysis: await Analyses.of(Array(text.utf8)), policy: try PolicySnapshot(guards: [], hasMasks: true))
        var session = Session(
            machine: SessionMachine(dialect: PostgresDialect(offersTLS: false, acceptsClearText: true)))
        session.run(session.machine.started(signInSeconds: 10))
        session.run(session.machine.clientBytes(FakeClient.startup([("user", "orders")])))
        session.run(session.machine.clientBytes(FakeClient.password("token")))
        let terms = Bench.terms(masks: [try MaskTests.rule("pgbench_tellers.filler")])
        session.run(session.machine.signInGranted(terms, judge: judge, opening: EntryDraft(.sessionOpen)))
        session.run(session.machine.targetConnected(TargetCredential(username: "app", password: nil)))
        session.run(session.machine.targetBytes(FakeTarget.signedIn))
        session.durable()
        var prepare = FakeClient.parse(text, "P0")
        prepare.writeImmutableBuffer(FakeClient.sync)
        session.run(session.machine.clientBytes(prepare))
        session.durable()
        session.run(session.machine.targetBytes(FakeTarget.parseComplete + FakeTarget.ready()))
        session.durable()

        var request = FakeClient.bind("P0", [Array("4711".utf8)])
        for message in [FakeClient.describe(), FakeClient.execute(), FakeClient.sync] {
            request.writeImmutableBuffer(message)
        }
        let answer =
            FakeTarget.bindComplete
            + FakeTarget.rowDescription([RowDescription.Column(name: "abalance", table: 16_390, attribute: 3)])
            + FakeTarget.row("-1234") + FakeTarget.complete("SELECT 1") + FakeTarget.ready()
        let rounds = Int(ProcessInfo.processInfo.environment["SALLYPORT_ROUNDS"] ?? "") ?? 20_000
        let sentBefore = session.sent
        let begin = Self.threadTime()
        for _ in 0..<rounds {
            session.run(session.machine.clientBytes(request))
            session.durable()
            session.run(session.machine.targetBytes(answer))
            if session.lookups > 0 {
                session.lookups = 0
                session.run(
                    session.machine.lookedUp(
                        LookupAnswer(columns: [MaskTests.column("abalance", table: "pgbench_accounts")])))
            }
            session.durable()
        }
        let each = Duration.nanoseconds(Self.threadTime() - begin) / rounds
        print("figure: one prepared SELECT costs kernel and dialect \(each) of processor time")
        #expect(session.sent - sentBefore == rounds * (request.readableBytes + answer.readableBytes))
        #expect(each < .milliseconds(1))
    }

    private static func threadTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
