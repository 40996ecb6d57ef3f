import AccessPolicy
import GatewayCore
import Testing

/// What a rule's keys are met by; every text goes through the real analyser.
@Suite struct GuardKeyTests {
    private func isMet(
        _ when: GuardRule.Condition, _ subject: CommandSubject, then: VerdictKind = .block
    ) throws -> Bool {
        let approve = then == .hold ? HoldTerms(groups: ["dba"]) : nil
        let policy = try PolicySnapshot(
            guards: [GuardRule(name: "g", when: when, then: then, approve: approve)], notUnderstood: .allow)
        return policy.evaluate(subject).rules.contains("g")
    }

    private func condition(_ change: (inout GuardRule.Condition) -> Void) -> GuardRule.Condition {
        var condition = GuardRule.Condition()
        change(&condition)
        return condition
    }

    // MARK: Columns

    @Test(arguments: [
        ("SELECT ssn FROM customers", true, false), ("SELECT c.ssn FROM customers c", true, false),
        ("SELECT name FROM customers", false, false), ("SELECT * FROM customers", true, false),
        ("SELECT * FROM orders", false, false), ("SELECT ssn FROM orders", false, false),
        ("TABLE customers", true, false), ("SELECT count(*) FROM customers", false, false),
        ("SELECT name FROM customers WHERE ssn = '1'", true, false),
        ("SELECT name FROM customers ORDER BY ssn", true, false),
        ("SELECT row_to_json(c) FROM customers c", true, false),
        ("SELECT name FROM customers JOIN orders USING (ssn)", true, false),
        ("SELECT name FROM customers NATURAL JOIN orders", true, false),
        ("SELECT (c).ssn FROM (SELECT c FROM customers c) x", true, false),
        ("UPDATE customers SET ssn = '1' WHERE id = 1", false, true),
        ("UPDATE customers SET (name, ssn) = ('a', 'b') WHERE id = 1", false, true),
        ("UPDATE customers SET name = ssn WHERE id = 1", true, false),
        ("UPDATE customers SET name = 'x' WHERE id = 1 RETURNING *", true, false),
        ("INSERT INTO customers (id, ssn) VALUES (1, '1')", false, true),
        ("INSERT INTO customers (id, name) VALUES (1, 'x')", false, false),
        ("INSERT INTO customers VALUES (1, 'x')", false, true),
        ("INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET ssn = '2'", false, true),
        ("MERGE INTO customers c USING orders o ON c.id = o.id WHEN MATCHED THEN UPDATE SET ssn = '1'", false, true),
        ("MERGE INTO customers c USING orders o ON c.id = o.id WHEN NOT MATCHED THEN INSERT VALUES (1)", false, true),
        ("COPY customers TO STDOUT", true, false), ("COPY customers (name) TO STDOUT", false, false),
        ("COPY customers FROM STDIN", false, true), ("COPY customers (ssn) FROM STDIN", false, true),
        ("COPY customers (name) FROM STDIN", false, false), ("COPY (SELECT ssn FROM customers) TO STDOUT", true, false),
        ("PREPARE p AS SELECT ssn FROM customers", true, false),
        ("WITH w AS (UPDATE customers SET ssn = '1' WHERE id = 1) SELECT 1", false, true),
        ("DELETE FROM customers WHERE id = 1", false, false),
    ])
    func columns(text: String, isRead: Bool, isWritten: Bool) async throws {
        let subject = await subject(of: text)
        for column in ["customers.ssn", "public.customers.ssn", "cust*.s*n"] {
            #expect(try isMet(condition { $0.columnRead = [column] }, subject) == isRead, "\(column)")
            #expect(try isMet(condition { $0.columnWritten = [column] }, subject) == isWritten, "\(column)")
            #expect(try isMet(condition { $0.column = [column] }, subject) == (isRead || isWritten), "\(column)")
        }
    }

    // MARK: Joins, limits

    @Test(arguments: [
        ("SELECT 1", 0), ("SELECT * FROM a", 1), ("SELECT * FROM a, b JOIN c ON true", 3),
        ("SELECT * FROM a JOIN (SELECT * FROM b, c) x ON true", 3),
        ("SELECT * FROM a UNION SELECT * FROM b, c UNION SELECT * FROM d", 2),
        ("SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.i = a.i) AND x IN (SELECT 1 FROM c, d)", 4),
        ("WITH w AS (SELECT * FROM a, b) SELECT * FROM w JOIN c ON true", 3),
        ("WITH w AS (SELECT * FROM a, b) SELECT * FROM w x, w y", 4),
        ("WITH w AS (SELECT * FROM a, b, c) SELECT 1", 0),
        ("WITH w AS (DELETE FROM a USING b, c RETURNING 1) SELECT 1", 3),
        ("WITH RECURSIVE w AS (SELECT 1 FROM a UNION ALL SELECT 1 FROM w, b) SELECT * FROM w", 2),
        ("UPDATE a SET x = 1 FROM b, c WHERE true", 3), ("DELETE FROM a USING b WHERE true", 2),
        ("UPDATE a SET x = (SELECT 1 FROM b) WHERE i IN (SELECT 1 FROM c)", 3),
        ("MERGE INTO a USING (SELECT * FROM b, c) s ON true WHEN MATCHED THEN DELETE", 3),
        ("INSERT INTO t SELECT * FROM a, b", 2), ("CREATE TABLE t AS SELECT * FROM a, b", 2),
        ("EXPLAIN SELECT * FROM a, b", 2), ("COPY (SELECT * FROM a, b) TO STDOUT", 2),
        ("PREPARE p AS SELECT * FROM a, b, c", 3), ("SELECT * FROM a, generate_series(1, 2), LATERAL (SELECT 1) x", 3),
        ("SELECT 1 FROM a; SELECT 1 FROM b, c", 2),
    ])
    func joins(text: String, count: Int) async throws {
        let subject = await subject(of: text)
        #expect(subject.joinedRelations == count)
        #expect(try isMet(condition { $0.joins = count + 1 }, subject) == false)
        if count > 1 { #expect(try isMet(condition { $0.joins = count - 1 }, subject)) }
    }

    /// References to CTEs multiply; the count stays a number and the reading stays short.
    @Test func joinsOfManyReferences() async {
        let steps = (1...60).map { "w\($0) AS (SELECT 1 FROM w\($0 - 1) x, w\($0 - 1) y)" }
        let subject = await subject(
            of: "WITH w0 AS (SELECT 1 FROM a), \(steps.joined(separator: ", ")) SELECT 1 FROM w60")
        #expect(subject.joinedRelations == 1_000_000)
    }

    @Test(arguments: [
        ("SELECT * FROM t", true), ("TABLE t", true), ("SELECT * FROM t LIMIT 10", false),
        ("SELECT * FROM t LIMIT ALL", true), ("SELECT * FROM t LIMIT NULL", true), ("SELECT * FROM t LIMIT $1", false),
        ("SELECT * FROM t FETCH FIRST 3 ROWS ONLY", false), ("SELECT * FROM t OFFSET 3", true),
        ("SELECT count(*), max(x) FROM t", false), ("SELECT count(*) FROM t GROUP BY x", true),
        ("SELECT count(*) OVER () FROM t", true), ("SELECT s.count(x) FROM t", true),
        ("SELECT string_agg(x, ',') FROM t", true), ("SELECT (SELECT count(*) FROM u) FROM t", true),
        ("SELECT 1", false), ("VALUES (1)", false), ("SELECT 1 UNION SELECT x FROM t", true),
        ("(SELECT x FROM t LIMIT 1) UNION (SELECT x FROM u LIMIT 1)", false),
        ("SELECT x FROM t UNION SELECT x FROM u LIMIT 5", false), ("COPY t TO STDOUT", true),
        ("COPY (SELECT * FROM t LIMIT 5) TO STDOUT", false), ("COPY t FROM STDIN", false),
        ("DECLARE c CURSOR FOR SELECT * FROM t", true), ("PREPARE p AS SELECT * FROM t", true),
        ("SELECT * INTO u FROM t", false), ("INSERT INTO u SELECT * FROM t", false), ("EXPLAIN SELECT * FROM t", false),
        ("SELECT 1; SELECT * FROM t", true), ("SHOW all", false),
    ])
    func withoutLimit(text: String, expected: Bool) async throws {
        let subject = await subject(of: text)
        #expect(subject.notUnderstood == nil)
        #expect(try isMet(condition { $0.withoutLimit = true }, subject) == expected)
    }

    // MARK: Functions, schemas, tables

    @Test(arguments: [
        ("SELECT pg_sleep(1)", ["pg_sleep"], true), ("SELECT pg_catalog.pg_sleep(1)", ["pg_sleep"], true),
        ("SELECT x.pg_sleep(1)", ["pg_sleep"], true), ("SELECT x.pg_sleep(1)", ["y.pg_sleep"], false),
        ("SELECT tidy()", ["audit.tidy"], true), ("SELECT 1", ["*"], false), ("SELECT now()", ["dblink*"], false),
        ("SELECT dblink_exec('x', 'y')", ["dblink*"], true),
    ])
    func functions(text: String, names: [String], expected: Bool) async throws {
        #expect(try isMet(condition { $0.function = names }, await subject(of: text)) == expected)
    }

    @Test(arguments: [
        ("SELECT * FROM audit.log", "public", true, true), ("SELECT * FROM orders", "public", false, true),
        ("SELECT * FROM orders", "\"$user\", audit", true, true), ("SELECT * FROM orders", nil, true, true),
        ("SELECT * FROM billing.x", "audit", false, false), ("SELECT * FROM pg_class", "public", false, false),
        ("SELECT audit.tidy()", "public", true, true), ("CREATE SCHEMA audit", "public", true, true),
        ("DROP SCHEMA audit CASCADE", "public", true, true), ("ALTER SCHEMA x RENAME TO audit", "public", true, true),
        ("GRANT SELECT ON ALL TABLES IN SCHEMA audit TO bob", "public", true, true),
        ("GRANT USAGE ON SCHEMA audit TO bob", "public", true, true),
        ("ALTER TABLE billing.x SET SCHEMA audit", "public", true, true),
        ("ALTER DEFAULT PRIVILEGES IN SCHEMA audit GRANT SELECT ON TABLES TO bob", "public", true, true),
        ("DROP FUNCTION audit.tidy()", "public", true, true),
        ("CREATE FUNCTION audit.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "public", true, true),
        ("CREATE TYPE audit.mood AS ENUM ('x')", "public", true, true), ("REINDEX SCHEMA audit", "public", true, true),
        ("SELECT 1", "audit", false, false),
    ])
    func schemas(text: String, path: String?, isAudit: Bool, isOutsideBilling: Bool) async throws {
        var subject = await subject(of: text)
        if let path { subject.searchPath = SearchPath(path, user: "app") }
        #expect(try isMet(condition { $0.schema = ["audit"] }, subject) == isAudit)
        let outside = condition { $0.schema = GuardRule.Words(["billing", "pg_*"], isNegated: true) }
        #expect(try isMet(outside, subject) == (isOutsideBilling && text != "SELECT * FROM billing.x"))
    }

    @Test(arguments: [
        ("SELECT * FROM orders, customers", false), ("SELECT * FROM orders", false), ("SELECT * FROM payroll", true),
        ("DELETE FROM orders USING payroll WHERE true", true), ("SELECT 1", false),
    ])
    func tablesBut(text: String, expected: Bool) async throws {
        let but = condition { $0.table = GuardRule.Words(["orders", "customers"], isNegated: true) }
        #expect(try isMet(but, await subject(of: text)) == expected)
    }

    @Test(
        arguments: [
            ("public", ["public"]), ("\"$user\", public", ["app", "public"]), ("", []), ("A , \"B\"", ["a", "B"]),
            ("\"a\"\"b\",c", ["a\"b", "c"]), ("\"a,b\"", ["a,b"]), ("a,", nil), ("a b", nil), ("\"a", nil), (",a", nil),
            ("\"\"", nil),
        ] as [(String, [String]?)])
    func searchPaths(text: String, schemas: [String]?) {
        #expect(SearchPath(text, user: "app").schemas == schemas)
    }

    // MARK: Who and why

    private func sender(
        _ name: String = "ann", groups: [String] = [], issuer: String = "https://a", agent: String? = nil,
        isVerified: Bool = true, purpose: String? = nil
    ) -> CommandSubject {
        var subject = CommandSubject(classes: [.select], verbs: ["SELECT"])
        subject.principal = Principal(issuer: issuer, subject: name, groups: groups, isPersonIssuer: true)
        subject.agent = AgentContext(agent: agent, purpose: purpose, trust: isVerified ? .verified : .claimed)
        if isVerified { subject.agent?.verifiedAgent = agent }
        return subject
    }

    @Test func whoActs() throws {
        let ann = sender(groups: ["dev", "dba"])
        #expect(try isMet(condition { $0.group = ["dba", "ops"] }, ann))
        #expect(try !isMet(condition { $0.group = ["ops"] }, ann))
        #expect(try isMet(condition { $0.group = GuardRule.Words(["ops"], isNegated: true) }, ann))
        #expect(try !isMet(condition { $0.group = GuardRule.Words(["dba"], isNegated: true) }, ann))
        #expect(try isMet(condition { $0.principal = ["a*"] }, ann))
        #expect(try !isMet(condition { $0.principal = ["b*"] }, ann))
        #expect(try isMet(condition { $0.issuer = ["https://a"] }, ann))
        #expect(try isMet(condition { $0.issuer = GuardRule.Words(["https://b"], isNegated: true) }, ann))
        // All keys must be met.
        #expect(try !isMet(condition { ($0.group, $0.issuer) = (["dba"], ["https://b"]) }, ann))
        // Nobody known is in no group.
        let nobody = CommandSubject(classes: [.select])
        #expect(try !isMet(condition { $0.group = ["dba"] }, nobody))
        #expect(try isMet(condition { $0.group = GuardRule.Words(["dba"], isNegated: true) }, nobody))
    }

    /// A name that is only claimed never makes a rule weaker.
    @Test(arguments: [
        // then, negated, verified bot, claimed bot, no agent
        (VerdictKind.block, false, true, true, false), (.block, true, false, true, true),
        (.hold, false, true, true, false), (.hold, true, false, true, true),
        (.allow, false, true, false, false), (.allow, true, false, false, true),
    ])
    func agents(then: VerdictKind, isNegated: Bool, verified: Bool, claimed: Bool, none: Bool) throws {
        let when = condition { $0.agent = GuardRule.Words(["bot*"], isNegated: isNegated) }
        #expect(try isMet(when, sender(agent: "bot-1"), then: then) == verified)
        #expect(try isMet(when, sender(agent: "bot-1", isVerified: false), then: then) == claimed)
        #expect(try isMet(when, sender(), then: then) == none)
    }

    /// A person at psql is no agent.
    @Test func anyAgentIsOneThatATokenNames() throws {
        let any = condition { $0.agent = ["*"] }
        let none = condition { $0.agent = GuardRule.Words(["*"], isNegated: true) }
        for then in [VerdictKind.block, .allow] {
            #expect(try isMet(any, sender(agent: "bot"), then: then))
            #expect(try !isMet(any, sender(agent: "psql", isVerified: false), then: then))
            #expect(try isMet(none, sender(agent: "psql", isVerified: false), then: then))
            #expect(try !isMet(none, sender(agent: "bot"), then: then))
        }
    }

    @Test func purposes() throws {
        for (purpose, isTold) in [("audit", true), ("", false), (nil, false)] as [(String?, Bool)] {
            let subject = sender(purpose: purpose)
            #expect(try isMet(condition { $0.hasPurpose = true }, subject) == isTold)
            #expect(try isMet(condition { $0.hasPurpose = false }, subject) == !isTold)
        }
    }

    // MARK: unknown_effect

    /// A guard that names `unknown_effect` decides only where it applies.
    @Test func unknownEffectStaysHeldForOthers() throws {
        let dba = condition { ($0.statement, $0.group) = (["unknown_effect"], ["dba"]) }
        let policy = try PolicySnapshot(guards: [GuardRule(name: "dba", when: dba, then: .allow)])
        var call = CommandSubject(classes: [.select, .unknownEffect])
        call.principal = Principal(issuer: "i", subject: "ann", groups: ["dba"], isPersonIssuer: true)
        #expect(policy.evaluate(call).kind == .allow)
        call.principal?.groups = ["dev"]
        #expect(policy.evaluate(call).kind == .block)
    }

    @Test func eachKeyMakesAVersion() throws {
        let window = try #require(TimeWindow(hours: [TimeWindow.hours("01:00-02:00")].compactMap { $0 }))
        var outside = window
        outside.isNegated = true
        let conditions: [(inout GuardRule.Condition) -> Void] = [
            { $0.schema = ["x"] }, { $0.table = ["x"] }, { $0.table = GuardRule.Words(["x"], isNegated: true) },
            { $0.column = ["x"] }, { $0.columnRead = ["x"] }, { $0.columnWritten = ["x"] }, { $0.function = ["x"] },
            { $0.joins = 1 }, { $0.joins = 2 }, { $0.withoutLimit = true }, { $0.withoutWhere = true },
            { $0.principal = ["x"] }, { $0.issuer = ["x"] }, { $0.group = ["x"] }, { $0.agent = ["x"] },
            { $0.hasPurpose = true }, { $0.hasPurpose = false }, { $0.time = window }, { $0.time = outside },
        ]
        let versions = try conditions.map { change in
            try PolicySnapshot(guards: [GuardRule(name: "g", when: condition(change), then: .block)]).version
        }
        #expect(Set(versions).count == versions.count)
    }
}
