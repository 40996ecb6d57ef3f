import GatewayCore
import SQLAnalysis
import Testing

/// Which columns a literal has to do with, so that the record masks it like the column.
@Suite struct LiteralTests {
    /// `literal` as it stands in the text → the columns, `?` for one that cannot be told, `!` for a secret.
    struct Row: CustomTestStringConvertible, Sendable {
        var sql: String
        var uses: [String]
        var testDescription: String { sql }

        init(_ sql: String, _ uses: String...) {
            self.sql = sql
            self.uses = uses
        }
    }

    static let rows: [Row] = [
        Row("SELECT 'x'", "'x':"),
        Row("SELECT * FROM t WHERE email = 'x'", "'x': email"),
        Row("SELECT * FROM t WHERE 'x' = t.email", "'x': email"),
        Row("SELECT * FROM t WHERE lower(email) = 'x'", "'x': email"),
        Row("SELECT * FROM t WHERE email <> E'x\\'y'", "E'x\\'y': email"),
        Row("SELECT * FROM t WHERE email LIKE '%' || $1 || '%'", "'%': email", "$1: email", "'%': email"),
        Row("SELECT * FROM t WHERE email ~* 'x' AND n > -5", "'x': email", "5: n"),
        Row("SELECT * FROM t WHERE email IN ('a', $$b$$, U&'c')", "'a': email", "$$b$$: email", "U&'c': email"),
        Row("SELECT * FROM t WHERE email = ANY ('{a,b}'::text[])", "'{a,b}': email"),
        Row("SELECT * FROM t WHERE card BETWEEN '1' AND '2'", "'1': card", "'2': card"),
        Row("SELECT * FROM t WHERE (a, b) = ('x', 'y')", "'x': a b", "'y': a b"),
        Row("SELECT * FROM t WHERE texteq(email, 'x')", "'x': email"),
        Row("SELECT CASE email WHEN 'x' THEN 1 END FROM t", "'x': email", "1: email"),
        Row("SELECT coalesce(email, 'x') FROM t", "'x': email"),
        Row("SELECT * FROM t WHERE email IN (SELECT 'x')", "'x': email ?"),
        Row("SELECT * FROM (SELECT email AS e FROM t) s WHERE e = 'x'", "'x': e email"),
        Row("WITH s(e) AS (SELECT email FROM t) SELECT * FROM s WHERE e = 'x'", "'x': e email"),
        Row("SELECT * FROM t AS s(e) WHERE e = 'x'", "'x': e ?"),
        Row("SELECT * FROM t JOIN (VALUES ('x')) v(e) ON t.email = v.e", "'x': ?"),
        Row(
            "INSERT INTO t (id, email) VALUES (1, 'x'), ($1, lower('y'))", "1: id", "'x': email", "$1: id", "'y': email"
        ),
        Row("INSERT INTO t VALUES (1, 'x')", "1: ?", "'x': ?"),
        Row(
            "INSERT INTO t (id, email) SELECT 1, 'x' UNION SELECT 2, 'y'", "1: id", "'x': email", "2: id", "'y': email"),
        Row("INSERT INTO t (id, email) SELECT s.*, 'x' FROM s", "'x': ?"),
        Row("INSERT INTO t (email) SELECT e FROM (SELECT 'x' AS e) s", "'x': ?"),
        Row(
            "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET email = 'x' WHERE t.b = 2", "1: a",
            "'x': email", "2: b"),
        Row("UPDATE t SET email = 'x', n = 2 WHERE id = 3", "'x': email", "2: n", "3: id"),
        Row("UPDATE t SET email = v.e FROM (VALUES ('x')) v(e)", "'x': ?"),
        Row("MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED THEN INSERT (email) VALUES ('x')", "'x': email"),
        Row("ALTER ROLE bob PASSWORD 'x' VALID UNTIL 'y'", "'x': password !", "'y':"),
        Row("CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'u', password 'x')", "'u':", "'x': password !"),
        Row("SET x = 'y'", "'y': x"),
        Row("EXECUTE p('x')", "'x': ?"),
        Row("CALL p('x')", "'x': ?"),
        Row("DO $$ x $$", "$$ x $$: ?"),
        Row("PREPARE p AS SELECT * FROM t WHERE email = $1", "$1: email"),
        Row("SELECT * FROM t WHERE email = 'a' \n 'b'", "'a' \n 'b': email"),
        // The server joins these two, the parser's library does not: one literal all the same, and not understood.
        Row("SELECT * FROM t WHERE email = 'a'\n -- c\n 'b'", "'a'\n -- c\n 'b': ?"),
        Row("SELECT 1 FRM t WHERE email = 'x'", "1: ?", "'x': ?"),
        Row("ALTER ROLE bob PASSWORD 'x' OOPS", "'x': password ? !"),
        Row("SELECT 'never closed", "'never closed: ?"),
    ]

    @Test(arguments: rows) func uses(_ row: Row) async {
        let analysis = await analyze(row.sql)
        let found = analysis.literals.map { use in
            var line = String(decoding: analysis.text[use.range], as: UTF8.self) + ":"
            for column in use.columns { line += " " + column }
            if use.unknownColumn { line += " ?" }
            if use.secret { line += " !" }
            return line
        }
        #expect(found == row.uses)
    }

    @Test func relationAndParameter() async throws {
        let analysis = await analyze("INSERT INTO s.t (email) VALUES ($12)")
        let use = try #require(analysis.literals.first)
        #expect(use.parameter == 12)
        #expect(use.relation == RelationName(schema: "s", name: "t"))
    }
}
