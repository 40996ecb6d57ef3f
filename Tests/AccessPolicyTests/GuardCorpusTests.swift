import AccessPolicy
import GatewayCore
import SQLAnalysis
import Testing

/// Tests/Corpus: what each statement is taken for and what happens to it, in words that a security engineer can read.
@Suite struct GuardCorpusTests {
    @Test func everyStatementIsJudgedAsWritten() async throws {
        let corpus = try Corpus("guards.corpus")
        let policy = try PolicySnapshot(guards: corpus.guards)
        #expect(corpus.entries.count >= 300)
        for entry in corpus.entries {
            let subject = await subject(of: entry.text)
            let verdict = policy.evaluate(subject)
            let place = Comment(rawValue: entry.testDescription)
            #expect(verdict.kind.rawValue == entry.verdict, place)
            #expect(verdict.rules == entry.rules, place)
            #expect(subject.classes.map(\.rawValue).sorted() == entry.classes, place)
            #expect(subject.verbs == entry.facts["verbs"] ?? [], place)
            #expect(subject.reads.map(\.description) == entry.facts["reads"] ?? [], place)
            #expect(subject.writes.map(\.description) == entry.facts["writes"] ?? [], place)
            #expect(subject.functions == entry.facts["calls"] ?? [], place)
            #expect(subject.unknownCalls == entry.facts["unknown"] ?? [], place)
            #expect(subject.writesWithoutWhere == (entry.facts["everywhere"] != nil), place)
        }
    }

    /// What the words of `policy test` say is what happens.
    @Test func stepsTellTheVerdict() async throws {
        let corpus = try Corpus("guards.corpus")
        for policy in [
            try PolicySnapshot(guards: corpus.guards), try PolicySnapshot(guards: corpus.guards, readOnly: true),
        ] {
            for entry in corpus.entries {
                let subject = await subject(of: entry.text)
                let verdict = policy.evaluate(subject)
                let met = policy.explain(subject).filter(\.isMet)
                #expect(met.map(\.rule) == verdict.rules, "\(entry.testDescription)")
                #expect(verdict.kind == met.map(\.then).max() ?? .allow, "\(entry.testDescription)")
                #expect(met.allSatisfy { !$0.reasons.isEmpty })
            }
        }
    }

    /// Nothing that the corpus' own policy refuses for what it changes passes a read-only connection.
    @Test func readOnlyRefusesWhatChanges() async throws {
        let corpus = try Corpus("guards.corpus")
        let policy = try PolicySnapshot(readOnly: true)
        for entry in corpus.entries {
            let subject = await subject(of: entry.text)
            let isAllowed = policy.evaluate(subject).kind == .allow
            #expect(isAllowed == (PolicySnapshot.possibleChange(of: subject) == nil), "\(entry.testDescription)")
            if !subject.classes.isDisjoint(with: [.insert, .update, .delete, .merge, .truncate, .ddl, .grant]) {
                #expect(!isAllowed, "\(entry.testDescription)")
            }
        }
    }

    @Test(arguments: [
        "SET TRANSACTION READ WRITE", "BEGIN READ WRITE", "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "SET default_transaction_read_only = off",
        "SET default_transaction_read_only TO DEFAULT", "RESET default_transaction_read_only",
        "RESET transaction_read_only", "SET transaction_read_only = 0", "SET LOCAL transaction_read_only TO f",
        "SET LOCAL transaction_read_only TO 'FALSE'", "SELECT set_config('transaction_read_only', 'off', true)",
        "SELECT set_config('default_transaction_read_only', $1, false)", "SELECT set_config($1, 'off', false)",
        "UPDATE pg_settings SET setting = 'off' WHERE name = 'default_transaction_read_only'",
        "ALTER ROLE CURRENT_USER SET default_transaction_read_only = off",
        "ALTER DATABASE shop SET default_transaction_read_only = off",
        "ALTER SYSTEM SET default_transaction_read_only = off", "SET ROLE bob", "SET SESSION AUTHORIZATION bob",
        "PREPARE p AS SELECT set_config('transaction_read_only', 'off', true)", "BEGIN; SET TRANSACTION READ WRITE",
        "DO $$ BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); END $$",
    ])
    func readOnlyIsNotLeft(text: String) async throws {
        // As lax as it can be otherwise.
        let allow = GuardRule(name: "any", when: .init(statement: ["unknown_effect"]), then: .allow)
        let policy = try PolicySnapshot(guards: [allow], readOnly: true)
        let subject = await subject(of: text)
        #expect(policy.evaluate(subject).kind == .block)
    }

    @Test(arguments: [
        "BEGIN READ ONLY", "SET TRANSACTION READ ONLY", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET default_transaction_read_only = on",
        "SET transaction_read_only TO 'true'", "RESET ALL", "DISCARD ALL", "RESET ROLE", "RESET SESSION AUTHORIZATION",
        "BEGIN ISOLATION LEVEL SERIALIZABLE", "COMMIT AND CHAIN",
    ])
    func readOnlyMayBeAskedForAgain(text: String) async throws {
        let subject = await subject(of: text)
        #expect(try PolicySnapshot(readOnly: true).evaluate(subject).kind == .allow)
    }

    @Test(arguments: ["guards", "read_only", "both"]) func harmlessPasses(policy name: String) async throws {
        let guards = try Corpus("guards.corpus").guards
        let corpus = try Corpus("harmless.corpus")
        #expect(corpus.entries.count >= 200)
        let policy = try PolicySnapshot(guards: name == "read_only" ? [] : guards, readOnly: name != "guards")
        for entry in corpus.entries {
            let verdict = await policy.evaluate(subject(of: entry.text))
            #expect(verdict.kind == .allow, "\(entry.testDescription): \(verdict.rules)")
        }
    }
}

/// What a connection does with calls whose effect is not known.
@Suite struct UnknownEffectTests {
    private let call = CommandSubject(classes: [.select, .unknownEffect])
    private let terms = HoldTerms(groups: ["dba"], count: 2, within: 60)

    @Test func holdsByTheTermsOfTheFirstHold() throws {
        let policy = try PolicySnapshot(guards: [
            GuardRule(name: "a", when: .init(statement: ["ddl"]), then: .block),
            GuardRule(name: "b", when: .init(statement: ["delete"]), then: .hold, approve: terms),
            GuardRule(
                name: "c", when: .init(statement: ["update"]), then: .hold, approve: HoldTerms(groups: ["other"])),
        ])
        let verdict = policy.evaluate(call)
        #expect(verdict.kind == .hold && verdict.hold == terms && verdict.rules == ["unknown_effect"])
    }

    @Test func blocksWhereNobodyCouldApprove() throws {
        let ddl = GuardRule(name: "a", when: .init(statement: ["ddl"]), then: .block)
        for policy in [try PolicySnapshot(guards: [ddl]), try PolicySnapshot(readOnly: true)] {
            let verdict = policy.evaluate(call)
            #expect(verdict.kind == .block && verdict.rules == ["unknown_effect"])
        }
    }

    @Test func nothingHappensWithoutControls() throws {
        #expect(try PolicySnapshot().evaluate(call).kind == .allow)
        #expect(try PolicySnapshot(hasMasks: true).evaluate(call).kind == .allow)
    }

    @Test(arguments: [VerdictKind.allow, .hold, .block]) func aGuardThatNamesItDecidesAlone(then: VerdictKind) throws {
        let rule = GuardRule(
            name: "calls", when: .init(statement: ["Unknown_Effect"]), then: then, approve: then == .hold ? terms : nil)
        let verdict = try PolicySnapshot(guards: [rule], readOnly: true).evaluate(call)
        #expect(verdict.kind == then && verdict.rules == ["calls"])
    }

    @Test func builtInsThatMayBeHiddenAreUnknown() async throws {
        var hidden = await subject(of: "SELECT lower('X')")
        #expect(!hidden.classes.contains(.unknownEffect))
        hidden.loseBuiltIns()
        #expect(hidden.classes.contains(.unknownEffect) && !hidden.unknownCalls.isEmpty)
        var qualified = await subject(of: "SELECT pg_catalog.lower('X')")
        qualified.loseBuiltIns()
        #expect(!qualified.classes.contains(.unknownEffect))
        for text in ["SELECT 1 + 1", "SELECT 'x'::text", "SELECT * FROM t WHERE a IN (1)"] {
            var bare = await subject(of: text)
            bare.loseBuiltIns()
            #expect(bare.classes.contains(.unknownEffect), "\(text)")
        }
    }

    @Test(arguments: [
        ("public", false), ("\"$user\", public", false), ("pg_catalog", false), ("pg_catalog, public", false),
        ("public, pg_catalog", true), ("public,\"pg_catalog\"", true), ("'a', 'PG_CATALOG'", true),
        ("public, pg_temp, pg_catalog", true), ("", false),
    ])
    func searchPaths(path: String, hides: Bool) {
        #expect(SettingEffects.hidesBuiltIns(searchPath: path) == hides)
    }
}
