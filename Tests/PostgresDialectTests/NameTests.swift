import AccessPolicy
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// A name takes the verdict of every text it may stand for.
@Suite struct NameTests {
    private func classes(_ bench: Bench) -> Set<StatementClass>? { bench.assessments.last?.subject.classes }

    @Test func executeOfAProtocolStatement() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.parse("DELETE FROM t", "s"), FakeClient.sync, FakeClient.query("EXECUTE s"))
        #expect(classes(bench)?.contains(.delete) == true)
    }

    /// Who is asked to approve a command that runs something by its name is shown what that is, as it was recorded.
    @Test(
        arguments: [
            (["PREPARE s AS DELETE FROM t WHERE a = 1", "EXECUTE s"], ["PREPARE s AS DELETE FROM t WHERE a = 1"]),
            (["DECLARE c CURSOR FOR SELECT 7", "FETCH ALL FROM c"], ["DECLARE c CURSOR FOR SELECT 7"]),
            (
                ["PREPARE s AS DELETE FROM t", "PREPARE s AS SELECT 1", "EXECUTE s"],
                ["PREPARE s AS DELETE FROM t", "PREPARE s AS SELECT 1"]
            ),
            (["PREPARE s AS SELECT 1", "EXECUTE s; EXECUTE s"], ["PREPARE s AS SELECT 1"]),
            (["EXECUTE nobody"], []), (["SELECT 1"], []),
        ] as [([String], [String])]) func whatANameStandsForIsShown(_ texts: [String], _ shown: [String]) async throws
    {
        var bench = try Bench.signedIn()
        for text in texts { try await bench.client(FakeClient.query(text)) }
        #expect(bench.assessments.last?.prepared.map { String(decoding: $0, as: UTF8.self) } == shown)
    }

    @Test func whatAProtocolNameStandsForIsShown() async throws {
        func shown(_ bench: Bench) -> [String] {
            bench.assessments.last?.prepared.map { String(decoding: $0, as: UTF8.self) } ?? ["nothing assessed"]
        }
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.parse("DELETE FROM t", "s"), FakeClient.sync, FakeClient.query("EXECUTE s"))
        #expect(shown(bench) == ["DELETE FROM t"])
        try await bench.client(FakeClient.query("PREPARE p AS DELETE FROM u"), FakeClient.bind("p"))
        #expect(shown(bench) == ["PREPARE p AS DELETE FROM u"], "a Bind has no text of its own here")
        try await bench.client(FakeClient.parse("SELECT 1", "q"), FakeClient.bind("q"))
        #expect(shown(bench).isEmpty, "its own text is shown already")
        let long = "PREPARE l AS SELECT '" + String(repeating: "x", count: 1 << 17) + "'"
        try await bench.client(FakeClient.sync, FakeClient.query(long), FakeClient.query("EXECUTE l"))
        #expect(shown(bench).first?.hasSuffix(" [... cut, \(long.utf8.count) bytes in all]") == true)
        #expect(shown(bench).first.map { $0.utf8.count < 17 << 10 } == true)
    }

    @Test func bindOfAnSQLStatement() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("PREPARE s AS DELETE FROM t"), FakeClient.bind("s"))
        #expect(classes(bench)?.contains(.delete) == true)
        #expect(bench.assessments.last?.subject.writes == [RelationName(name: "t")])
    }

    @Test func secondMeaningDoesNotHideTheFirst() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.query("PREPARE s AS DELETE FROM t"), FakeClient.query("PREPARE s AS SELECT 1"),
            FakeClient.query("EXECUTE s"))
        #expect(classes(bench)?.isSuperset(of: [.delete, .select]) == true)
    }

    @Test func parseInAnEarlierStretchMayHaveFailed() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.parse("DELETE FROM t", "s"), FakeClient.sync, FakeClient.parse("SELECT 1", "s"), FakeClient.sync,
            FakeClient.bind("s"))
        #expect(classes(bench)?.isSuperset(of: [.delete, .select]) == true)
    }

    @Test func parseOfTheSameStretchIsTheOneThatCounts() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.parse("DELETE FROM t"), FakeClient.bind(), FakeClient.sync, FakeClient.parse("SELECT 1"),
            FakeClient.bind())
        #expect(classes(bench) == [.select])
    }

    @Test func confirmedParseReplaces() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.parse("DELETE FROM t", "s"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + FakeTarget.ready())
        try await bench.client(FakeClient.close(.statement, "s"), FakeClient.parse("SELECT 1", "s"), FakeClient.sync)
        try bench.target(FakeTarget.closeComplete + FakeTarget.parseComplete + FakeTarget.ready())
        try await bench.client(FakeClient.bind("s"))
        #expect(classes(bench) == [.select])
    }

    /// A PREPARE that fails skips nothing behind it, unlike a Parse.
    @Test(arguments: [true, false]) func failedPrepareDoesNotHideAStatement(_ isAnswered: Bool) async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.parse("DELETE FROM t", "s"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + FakeTarget.ready())
        try await bench.client(FakeClient.query("PREPARE s AS SELECT 1"))
        if isAnswered { try bench.target(FakeTarget.error("42P05", "already exists") + FakeTarget.ready()) }
        try await bench.client(FakeClient.bind("s"))
        #expect(classes(bench)?.contains(.delete) == true)
        // What has failed is known to be nothing.
        if isAnswered { #expect(classes(bench) == [.delete]) }
    }

    @Test func prepareThatIsNeverExecutedDoesNotHideAStatement() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.parse("DELETE FROM t", "s"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + FakeTarget.ready())
        try await bench.client(
            FakeClient.parse("PREPARE s AS SELECT 1", "u"), FakeClient.bind("u"), FakeClient.bind("s"))
        #expect(classes(bench)?.contains(.delete) == true)
    }

    /// A statement that prepares does so each time; one that failed this time leaves the name as it was.
    @Test func prepareExecutedAgainIsFollowedAgain() async throws {
        var bench = try Bench.signedIn()
        func execute() async throws {
            try await bench.client(FakeClient.bind("u"), FakeClient.execute(), FakeClient.sync)
            try bench.target(FakeTarget.bindComplete + FakeTarget.complete("PREPARE") + FakeTarget.ready())
        }
        try await bench.client(FakeClient.parse("PREPARE s AS DELETE FROM t", "u"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + FakeTarget.ready())
        try await execute()
        try await bench.client(FakeClient.query("DEALLOCATE s"))
        try bench.target(FakeTarget.complete("DEALLOCATE") + FakeTarget.ready())
        try await execute()
        try await bench.client(FakeClient.query("PREPARE s AS SELECT 1"))
        try bench.target(FakeTarget.error("42P05", "already exists") + FakeTarget.ready())
        try await bench.client(FakeClient.query("EXECUTE s"))
        #expect(classes(bench)?.contains(.delete) == true && classes(bench)?.contains(.select) == false)
    }

    @Test func failedParseGivesNoMeaning() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.parse("DELETE FROM t", "s"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + FakeTarget.ready())
        try await bench.client(FakeClient.parse("SELECT 1", "s"), FakeClient.sync)
        try bench.target(FakeTarget.error("42P05", "already exists") + FakeTarget.ready())
        try await bench.client(FakeClient.bind("s"))
        #expect(classes(bench) == [.delete])
    }

    @Test(arguments: ["EXECUTE nobody", "FETCH ALL FROM nobody"])
    func unknownNamesAreNotUnderstood(_ text: String) async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query(text))
        #expect(bench.assessments.last?.subject.notUnderstood != nil)
        try await bench.client(FakeClient.bind("nobody"))
        #expect(bench.assessments.last?.subject.notUnderstood != nil)
        var other = try Bench.signedIn()
        try await other.client(FakeClient.execute("nobody"))
        #expect(other.assessments.last?.subject.notUnderstood != nil)
        #expect(other.toTarget.types == "P")
    }

    @Test func fetchTakesTheCursorsText() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.query("DECLARE c CURSOR FOR SELECT ssn FROM customers"), FakeClient.query("FETCH 5 FROM c"))
        #expect(bench.assessments.last?.subject.reads.contains(RelationName(name: "customers")) == true)
        try await bench.client(FakeClient.execute("c"))
        #expect(bench.assessments.last?.subject.reads.contains(RelationName(name: "customers")) == true)
        #expect(bench.assessments.last?.isDecided == false)
    }

    /// As psycopg's server-side cursors do it.
    @Test func cursorDeclaredByTheExtendedProtocol() async throws {
        var bench = try Bench.signedIn()
        for _ in 0..<2 {
            try await bench.client(
                FakeClient.parse("DECLARE c CURSOR FOR SELECT ssn FROM customers", "d"), FakeClient.sync)
            try bench.target(FakeTarget.parseComplete + FakeTarget.ready(.inTransaction))
            try await bench.client(FakeClient.bind("d"), FakeClient.execute(), FakeClient.sync)
            try bench.target(
                FakeTarget.bindComplete + FakeTarget.complete("DECLARE CURSOR") + FakeTarget.ready(.inTransaction))
            try await bench.client(FakeClient.query("FETCH 5 FROM c"))
            #expect(bench.assessments.last?.subject.reads == [RelationName(name: "customers")])
            try bench.target(FakeTarget.complete("FETCH 5") + FakeTarget.ready(.inTransaction))
            try await bench.client(FakeClient.query("CLOSE c"), FakeClient.close(.statement, "d"), FakeClient.sync)
            try bench.target(
                FakeTarget.complete("CLOSE CURSOR") + FakeTarget.ready(.inTransaction) + FakeTarget.closeComplete
                    + FakeTarget.ready(.inTransaction))
        }
        try await bench.client(FakeClient.query("FETCH 5 FROM c"))
        #expect(bench.assessments.last?.subject.notUnderstood != nil)
    }

    @Test func longNamesAreRefused() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.parse("SELECT 1", String(repeating: "n", count: 64)))
        #expect(bench.assessments.last?.refusal?.code == "54000")
    }

    @Test func namesAreBounded() async throws {
        var limits = SessionLimits()
        limits.names = 3
        var bench = try Bench.signedIn(limits: limits)
        for index in 0..<3 { try await bench.client(FakeClient.parse("SELECT 1", "s\(index)"), FakeClient.sync) }
        #expect(bench.assessments.last?.refusal == nil)
        try await bench.client(FakeClient.parse("SELECT 1", "s3"))
        #expect(bench.assessments.last?.refusal?.code == "54000")
    }
}
