import GatewayCore
import SQLAnalysis
import Testing

/// Texts made to exhaust the parser: each is refused quickly, naming the limit and the setting, or understood within
/// bounds.
@Suite struct LimitTests {
    private func refusal(_ text: String) async -> NotUnderstood? {
        let clock = ContinuousClock()
        var result: NotUnderstood?
        let time = await clock.measure { result = await analyze(text).notUnderstood }
        #expect(time < .seconds(5))
        return result
    }

    @Test func fiftyThousandChainedTerms() async {
        let text = "SELECT 1" + String(repeating: "+1", count: 50_000)
        #expect(
            await refusal(text)
                == NotUnderstood(message: "the text has 100,002 tokens, the limit is 5,000", setting: "limits.tokens"))
        let and = "SELECT * FROM t WHERE a" + String(repeating: " AND a", count: 50_000)
        #expect(await refusal(and)?.setting == "limits.tokens")
        let union = "SELECT 1" + String(repeating: " UNION SELECT 1", count: 50_000)
        #expect(await refusal(union)?.setting == "limits.tokens")
    }

    @Test func tenThousandParentheses() async {
        let deep = "SELECT " + String(repeating: "(", count: 2_000) + "1" + String(repeating: ")", count: 2_000)
        #expect(
            await refusal(deep)
                == NotUnderstood(
                    message: "the text has 2,000 nested parentheses, the limit is 1,000", setting: "limits.nesting"))
        let more = "SELECT " + String(repeating: "(", count: 10_000) + "1" + String(repeating: ")", count: 10_000)
        #expect(await refusal(more)?.setting == "limits.tokens")
    }

    @Test func tenMegabytes() async {
        let text = "SELECT '" + String(repeating: "x", count: 10 << 20) + "'"
        let analysis = await analyze(text)
        #expect(
            analysis.notUnderstood
                == NotUnderstood(
                    message: "the text has 10,485,769 bytes, the limit is 1,048,576", setting: "limits.command"))
        // Nothing is known of the literals: the record must not show the text as it is.
        #expect(analysis.literals.isEmpty && analysis.literalsEnd == 0)
    }

    /// Each call relates what is below it; the work must not be levels x literals x columns.
    @Test(arguments: [64, 256]) func deepCallsOverManyColumnsAndLiterals(_ columns: Int) async {
        let names = (0..<columns).map { "c\($0)" }.joined(separator: ",")
        let depth = 690
        let text =
            "SELECT " + String(repeating: "f(", count: depth) + names + String(repeating: ",1", count: 1_200)
            + String(repeating: ",2)", count: depth)
        let clock = ContinuousClock()
        var analysis: SQLAnalysis?
        let time = await clock.measure { analysis = await analyze(text) }
        #expect(time < .seconds(5))
        // What is not told apart any more counts as a column that cannot be told.
        #expect(analysis?.literals.allSatisfy { $0.unknownColumn || $0.columns.count == columns } == true)
    }

    @Test func whatTheTokenLimitLetsThrough() async {
        // The deepest and widest trees within the limits: understood, or refused by the parser itself; never a crash.
        let chain = await analyze("SELECT 1" + String(repeating: "+1", count: 2_499))
        #expect(chain.notUnderstood == nil)
        #expect(chain.literals.count == 2_500)
        let nested = await analyze(
            "SELECT " + String(repeating: "(SELECT ", count: 900) + "1" + String(repeating: ")", count: 900))
        #expect(nested.notUnderstood == nil)
        _ = await analyze("SELECT " + String(repeating: "NOT ", count: 4_990) + "a")
        _ = await analyze("SELECT " + String(repeating: "- ", count: 4_990) + "1")
        let arrows = await analyze("SELECT a" + String(repeating: "->'x'", count: 2_000) + " FROM t")
        #expect(arrows.literals.allSatisfy { $0.columns == ["a"] })
        let names = (0..<1_200).map { "c\($0)" }.joined(separator: ",")
        let values = (0..<1_200).map { "'\($0)'" }.joined(separator: ",")
        _ = await analyze("UPDATE t SET (\(names)) = (\(values))")
        let calls = await analyze(
            "SELECT " + String(repeating: "f(", count: 999) + "'x'" + String(repeating: ")", count: 999))
        #expect(calls.notUnderstood == nil)
        let cases =
            "SELECT " + String(repeating: "CASE WHEN a THEN ", count: 600) + "1" + String(repeating: " END", count: 600)
        #expect(await analyze(cases).notUnderstood == nil)
    }

    @Test func aMillionSigns() async {
        // One character a token, each decided by looking at the whole run: must not become quadratic.
        let signs = String(repeating: "+", count: 1_000_000)
        #expect(await refusal("SELECT " + signs)?.setting == "limits.tokens")
        #expect(await refusal("SELECT " + String(repeating: "/*", count: 500_000)) != nil)
        #expect(await refusal("SELECT $b$" + String(repeating: "$a", count: 500_000)) != nil)
        #expect(await refusal("SELECT " + String(repeating: "'a'\n", count: 250_000) + "(") != nil)
    }

    @Test func aLongLiteralIsNoLongText() async {
        let analysis = await analyze(
            "UPDATE t SET body = '" + String(repeating: "x", count: 900_000) + "' WHERE id = 1")
        #expect(analysis.notUnderstood == nil)
        #expect(analysis.literals.first?.columns == ["body"])
    }

    // MARK: INSERT past the token limit

    @Test func bulkInsertIsUnderstood() async throws {
        let rows = (0..<3_000).map { "(\($0), -1.5e3, 'x''y', NULL, default, TRUE, E'\\'', $$z$$)" }.joined(
            separator: ",\n")
        let analysis = await analyze("insert into S.\"T\" (a, b, \"C\", d, e, f, g, h) values \(rows);")
        #expect(analysis.notUnderstood == nil)
        let facts = try #require(analysis.statements.first)
        #expect(facts.classes == [.insert])
        #expect(facts.writes == [RelationName(schema: "s", name: "T")])
        #expect(facts.writtenColumns == ["a", "b", "C", "d", "e", "f", "g", "h"])
        #expect(analysis.literals.count == 15_000)
        #expect(analysis.literals[2].columns == ["C"] && analysis.literals[14_999].columns == ["h"])
        #expect(analysis.literals[14_999].relation == RelationName(schema: "s", name: "T"))
        let bare = await analyze(
            "INSERT INTO t VALUES " + Array(repeating: "(1,'x')", count: 2_000).joined(separator: ","))
        #expect(bare.literals.allSatisfy { $0.unknownColumn })
        #expect(bare.statements.first?.verb == "INSERT")
    }

    @Test(arguments: [
        "(f(1))", "((SELECT 1))", "(a)", "(1 + 1)", "('x'::text)", "(1) RETURNING *", "(1) ON CONFLICT DO NOTHING",
        "(1); DROP TABLE t",
        "(1) UNION SELECT 1", "(CURRENT_USER)", "(ARRAY[1])", "(1", "(1),", "()", "(- -'x' ~ 1)", "(U&'a' UESCAPE '!')",
        "('x')) --", "('x",
    ])
    func anythingElseInABulkInsertIsNot(_ row: String) async {
        let rows = Array(repeating: "(1)", count: 3_000).joined(separator: ",")
        #expect(await analyze("INSERT INTO t VALUES \(rows),\(row)").notUnderstood != nil)
    }

    @Test(arguments: [
        "WITH a AS (SELECT 1) INSERT INTO t VALUES ", "INSERT INTO t AS x VALUES ", "INSERT INTO t SELECT 1; VALUES ",
    ])
    func orBeforeIt(_ head: String) async {
        let rows = Array(repeating: "(1)", count: 3_000).joined(separator: ",")
        #expect(await analyze(head + rows).notUnderstood?.setting == "limits.tokens")
    }

    @Test func apparentClassesOfWhatIsNotUnderstood() async {
        let analysis = await analyze(
            "DROP TABLE x; SELECT FROM FROM; EXPLAIN ANALYZE DELETE FROM t; WITH a AS (DELETE FROM x) SELECT 1; (SELECT 1)"
        )
        #expect(analysis.notUnderstood != nil)
        #expect(analysis.apparentClasses == [.ddl, .select, .unknown, .unknown, .select])
    }
}
