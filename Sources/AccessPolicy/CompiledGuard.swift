import GatewayCore

/// A guard ready to be asked.
struct CompiledGuard: Sendable {
    let rule: GuardRule
    /// All must be met; the cheapest stand first.
    private let tests: [any GuardTest]
    /// Classes of which a command must have one to be met.
    private let classes: ClassMask
    var hangsOnEstimate: Bool { rule.when.estimatedRowsOver != nil }
    /// It names schemas, so that names without one must be told apart.
    var hangsOnPath: Bool {
        let when = rule.when
        return !when.schema.isEmpty || when.table.list.contains { $0.contains(".") }
            || (when.column + when.columnRead + when.columnWritten).contains { $0.split(separator: ".").count > 2 }
    }

    func mayBeMet(by mask: ClassMask) -> Bool { classes.overlaps(mask) }

    /// - Throws: nothing; all that is wrong with the rule is added to `problems`, and then nil comes back.
    init?(_ rule: GuardRule, problems: inout [RuleProblem]) {
        var reader = GuardTestReader(rule)
        tests = reader.tests()
        classes = reader.classes
        if rule.name.isEmpty {
            reader.problem("name", "the guard has no name", "name it, as records and refusals show it")
        }
        Self.checkTerms(rule, &reader)
        self.rule = rule
        problems += reader.problems
        guard reader.problems.isEmpty else { return nil }
    }

    private static func checkTerms(_ rule: GuardRule, _ reader: inout GuardTestReader) {
        guard rule.then == .hold else {
            if rule.approve != nil {
                reader.problem(
                    "approve", "only a hold is approved, and this guard says \(rule.then.rawValue)",
                    "say then: hold, or leave approve out")
            }
            return
        }
        guard let terms = rule.approve else {
            if rule.isObserved { return }
            return reader.problem("approve", "a hold needs someone who may approve", "add approve: {groups: […]}")
        }
        if terms.groups.isEmpty || terms.groups.contains(where: \.isEmpty) {
            reader.problem(
                "approve.groups", "nobody may approve, so the command would always expire", "name at least one group")
        }
        if terms.count < 1 { reader.problem("approve.count", "the count is \(terms.count)", "use 1 or more") }
        if terms.within < 1 {
            reader.problem("approve.within", "there is no time to approve", "use a duration such as 15m")
        }
    }

    /// - Parameter mask: the subject's classes.
    func matches(_ subject: CommandSubject, _ mask: ClassMask) -> Bool {
        if case .yes = answer(subject, mask) { true } else { false }
    }

    /// One condition that surely does not hold is enough for no.
    func answer(_ subject: CommandSubject, _ mask: ClassMask) -> GuardAnswer {
        guard classes.overlaps(mask) else { return .no }
        var answer = GuardAnswer.yes
        for test in tests {
            switch test.answer(subject) {
            case .no: return .no
            case .yes: continue
            case .unknown(let why): answer = .unknown(why)
            }
        }
        return answer
    }

    /// Each condition in words, with what it found. `matches` alone decides.
    func reasons(_ subject: CommandSubject) -> [String] { tests.map { $0.reason(subject) } }
}

/// One key of a guard's `when`.
protocol GuardTest: Sendable {
    func isMet(by subject: CommandSubject) -> Bool
    /// The same, where it may be that nobody can say.
    func answer(_ subject: CommandSubject) -> GuardAnswer
    /// What it found, in words.
    func reason(_ subject: CommandSubject) -> String
}

extension GuardTest {
    func answer(_ subject: CommandSubject) -> GuardAnswer { isMet(by: subject) ? .yes : .no }
}

/// Makes the tests of a rule and tells what is wrong with it.
struct GuardTestReader {
    private let rule: GuardRule
    private(set) var problems: [RuleProblem] = []
    /// Of `statement`; all where it says nothing.
    private(set) var classes = ClassMask.all

    init(_ rule: GuardRule) { self.rule = rule }

    mutating func problem(_ key: String, _ what: String, _ fix: String) {
        problems.append(RuleProblem(key: key, what: what, fix: fix))
    }

    mutating func tests() -> [any GuardTest] {
        let when = rule.when
        if when.isEmpty {
            problem(
                "when", "the guard has no condition, so it says nothing",
                "add statement, table, without, matches, group or another key")
        }
        let words = words()
        if let first = words.first { classes = words.dropFirst().reduce(first.classes) { $0.union($1.classes) } }
        return people() + deeds(words) + requests() + objects(words) + text() + rows()
    }

    // MARK: Who, when and why

    private func people() -> [any GuardTest] {
        let when = rule.when
        var tests: [any GuardTest] = []
        if !when.group.isEmpty { tests.append(GroupTest(when.group)) }
        if !when.issuer.isEmpty { tests.append(IssuerTest(when.issuer)) }
        if !when.principal.isEmpty { tests.append(PrincipalTest(when.principal)) }
        if !when.agent.isEmpty { tests.append(AgentTest(when.agent, isStrict: rule.then != .allow)) }
        if let hasPurpose = when.hasPurpose { tests.append(PurposeTest(isPresent: hasPurpose)) }
        if let window = when.time { tests.append(TimeTest(window: window, isStrict: rule.then != .allow)) }
        return tests
    }

    // MARK: What is done

    private mutating func words() -> [StatementWord] {
        var words: [StatementWord] = []
        for text in rule.when.statement {
            if let word = StatementWord(text) {
                words.append(word)
                continue
            }
            let near = Nearest.word(to: text, among: StatementVerbs.examples)
            problem(
                "when.statement", "no statement is called `\(text)`, so the guard could never apply",
                near.map { "did you mean `\($0)`?" }
                    ?? "use a class such as select, delete, ddl, a group (read, write) or a verb such as drop table")
        }
        return words
    }

    private mutating func deeds(_ words: [StatementWord]) -> [any GuardTest] {
        let when = rule.when
        var tests: [any GuardTest] = []
        if !words.isEmpty { tests.append(StatementTest(words: words)) }
        if when.withoutWhere || when.withoutLimit {
            tests.append(WithoutTest(where: when.withoutWhere, limit: when.withoutLimit))
            if when.withoutWhere, !when.withoutLimit, !words.isEmpty, !words.contains(where: \.isAboutWrittenRows) {
                problem(
                    "when.without",
                    "none of the statements listed has a WHERE to go without, so the guard could never apply",
                    "list delete, update, truncate or write")
            }
            if when.withoutLimit, !when.withoutWhere, !words.isEmpty, words.allSatisfy(\.isAboutWrittenRows) {
                problem(
                    "when.without",
                    "none of the statements listed answers with rows to be limited, so the guard could never apply",
                    "list select, copy or read")
            }
        }
        if let joins = when.joins {
            tests.append(JoinTest(most: joins))
            if joins < 1 { problem("when.joins", "there is no join of \(joins) relations", "use 1 or more") }
        }
        return tests
    }

    private mutating func requests() -> [any GuardTest] {
        let when = rule.when
        let isStrict = rule.then != .allow
        var tests: [any GuardTest] = []
        if !when.method.isEmpty { tests.append(MethodTest(when.method)) }
        if !when.path.isEmpty {
            let patterns = when.path.list.compactMap(PathPattern.init)
            for text in when.path.list where PathPattern(text) == nil {
                problem(
                    "when.path", "`\(text)` is no path, so the guard could never apply",
                    "write it from its slash on, without a query, with * within a segment and ** for any segments")
            }
            tests.append(PathTest(patterns: patterns, isNegated: when.path.isNegated, isStrict: isStrict))
        }
        for field in when.header {
            let name = field.name.lowercased()
            let hidden = ["authorization", "x-api-key", "sallyport-token", "cookie", "host", "content-length"]
            if hidden.contains(name) || !PathPattern.isToken(name) {
                problem(
                    "when.header", "no rule can see a header field `\(field.name)`",
                    "name a field that is passed on to the target")
            }
            tests.append(ValueTest(.header, name, field.words, isStrict: isStrict))
        }
        for parameter in when.query {
            tests.append(ValueTest(.query, parameter.name, parameter.words, isStrict: isStrict))
        }
        return tests + bodies(isStrict)
    }

    private mutating func bodies(_ isStrict: Bool) -> [any GuardTest] {
        var tests: [any GuardTest] = []
        for match in rule.when.body {
            if let test = BodyTest(match, isStrict: isStrict) {
                tests.append(test)
            } else {
                problem(
                    "when.body", "`\(match.path)` is no path into a body, so the guard could never apply",
                    "write names and places such as $.user.role, items[*].price or **.email")
            }
            for (key, text) in [("over", match.over), ("under", match.under)] {
                guard let text, DecimalNumber(text) == nil else { continue }
                problem("when.body", "`\(text)` after `\(key)` is no number", "write digits, such as 1000 or 9.5")
            }
        }
        let graphQL = rule.when.graphQL
        guard !graphQL.isEmpty else { return tests }
        for word in graphQL.operation.list where !["query", "mutation", "subscription"].contains(word) {
            problem(
                "when.graphql.operation", "GraphQL has no operation `\(word)`, so the guard could never apply",
                "use query, mutation or subscription")
        }
        if rule.when.path.isEmpty {
            problem(
                "when.graphql", "no path says where GraphQL is served, and other requests are none",
                "add path, such as path: /graphql")
        }
        return tests + [GraphQLTest(graphQL, isStrict: isStrict)]
    }

    // MARK: What it is done to

    private mutating func objects(_ words: [StatementWord]) -> [any GuardTest] {
        let when = rule.when
        var tests: [any GuardTest] = []
        let tables = patterns("table", when.table.list, "table name", "write table or schema.table", TablePattern.init)
        if !tables.isEmpty {
            tests.append(TableTest(patterns: tables, isNegated: when.table.isNegated, words: words))
        }
        let schemas = patterns("schema", when.schema.list, "schema name", "write a schema") {
            $0.isEmpty || $0.contains(".") ? nil : NamePattern($0)
        }
        if !schemas.isEmpty { tests.append(SchemaTest(patterns: schemas, isNegated: when.schema.isNegated)) }
        for (use, list) in [
            (ColumnTest.Use.any, when.column), (.read, when.columnRead), (.written, when.columnWritten),
        ] {
            let columns = patterns(
                use.rawValue, list, "column name", "write column, table.column or schema.table.column",
                ColumnMatch.init)
            if !columns.isEmpty { tests.append(ColumnTest(use: use, patterns: columns)) }
        }
        let functions = patterns(
            "function", when.function, "function name", "write function or schema.function", TablePattern.init)
        if !functions.isEmpty { tests.append(FunctionTest(patterns: functions)) }
        return tests
    }

    private mutating func patterns<Pattern>(
        _ key: String, _ texts: [String], _ what: String, _ fix: String, _ make: (String) -> Pattern?
    ) -> [Pattern] {
        var patterns: [Pattern] = []
        for text in texts {
            if let pattern = make(text) {
                patterns.append(pattern)
            } else {
                problem(
                    "when." + key, "`\(text)` is no \(what), so the guard could never apply",
                    fix + ", with * as a wildcard")
            }
        }
        return patterns
    }

    private func rows() -> [any GuardTest] {
        rule.when.estimatedRowsOver.map { [EstimateTest(most: $0, isStrict: rule.then != .allow)] } ?? []
    }

    private mutating func text() -> [any GuardTest] {
        guard let source = rule.when.matches else { return [] }
        do throws(GatewayError) {
            return [TextTest(pattern: try TextPattern(source))]
        } catch {
            problem(
                "when.matches", "the expression cannot be used: \(error.message)",
                "use an expression without look-around and back-references")
            return []
        }
    }
}
