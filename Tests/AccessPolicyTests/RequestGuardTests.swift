import AccessPolicy
import GatewayCore
import Testing

/// Guards on requests: method, path, header, query.
@Suite struct RequestGuardTests {
    struct Request: RequestFacts {
        var method = "GET"
        var path: [[UInt8]] = []
        var headers: [String: [String]] = [:]
        var parameters: [String: [String]] = [:]

        init(_ path: String, method: String = "GET") {
            self.path = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { Array($0.utf8) }
            self.method = method
        }

        func header(_ name: String) -> [[UInt8]] { (headers[name] ?? []).map { Array($0.utf8) } }
        func query(_ name: String) -> [[UInt8]] { (parameters[name] ?? []).map { Array($0.utf8) } }

        /// What stands at any path.
        var values: [BodyValue] = []
        var fault: NotUnderstood?
        var operations: [GraphQLOperation] = []

        func lookIntoBody(at path: JSONPath, _ look: (BodyValue) -> Bool) -> NotUnderstood? {
            for value in values where !look(value) { return nil }
            return fault
        }

        func graphQL() -> Result<[GraphQLOperation], NotUnderstood> {
            fault.map { .failure($0) } ?? .success(operations)
        }
    }

    private func isMet(
        _ request: Request?, then: VerdictKind = .block, _ change: (inout GuardRule.Condition) -> Void
    ) throws -> Bool {
        var condition = GuardRule.Condition()
        change(&condition)
        let policy = try PolicySnapshot(guards: [GuardRule(name: "g", when: condition, then: then)])
        var subject = CommandSubject(classes: [.select])
        subject.request = request
        return policy.evaluate(subject).rules.contains("g")
    }

    @Test(arguments: [
        ("/admin/**", "/admin", true), ("/admin/**", "/admin/", true), ("/admin/**", "/admin/a/b", true),
        ("/admin/**", "/administrator", false), ("/admin/**", "/x/admin", false), ("/admin", "/admin", true),
        ("/admin", "/admin/", true), ("/admin", "/admin/a", false), ("/*/admin", "/x/admin", true),
        ("/*/admin", "/admin", false), ("/**/admin", "/admin", true), ("/**/admin", "/a/b/admin", true),
        ("/**/admin/**", "/a/admin/b", true), ("/**", "/", true), ("/**", "/a/b", true), ("/", "/", true),
        ("/", "/a", false), ("/a*", "/abc", true), ("/a*c/d", "/abc/d", true), ("/a*c/d", "/abd/d", false),
        ("/v*/users/*", "/v1/users/7", true), ("/v*/users/*", "/v1/users", false), ("/ADMIN", "/admin", true),
        ("/a/**/b/**/c", "/a/x/b/c", true), ("/a/**/b/**/c", "/a/x/c", false), ("/ä", "/ä", true),
    ])
    func paths(_ pattern: String, _ path: String, _ isMet: Bool) throws {
        #expect(try self.isMet(Request(path)) { $0.path = GuardRule.Words([pattern]) } == isMet)
    }

    /// What loosens must not be met by more than it says.
    @Test func onlyStrictRulesTakeNoNoticeOfCase() throws {
        #expect(try isMet(Request("/ADMIN")) { $0.path = ["/admin"] })
        #expect(try !isMet(Request("/PUBLIC"), then: .allow) { $0.path = ["/public"] })
        #expect(try isMet(Request("/PUBLIC")) { $0.path = GuardRule.Words(["/public"], isNegated: true) })
        #expect(try !isMet(Request("/ADMIN"), then: .allow) { $0.path = GuardRule.Words(["/admin"], isNegated: true) })
    }

    @Test func methods() throws {
        #expect(try isMet(Request("/", method: "DELETE")) { $0.method = ["delete", "PUT"] })
        #expect(try !isMet(Request("/")) { $0.method = ["DELETE"] })
        #expect(try isMet(Request("/", method: "POST")) { $0.method = GuardRule.Words(["GET"], isNegated: true) })
        #expect(try !isMet(nil) { $0.method = GuardRule.Words(["GET"], isNegated: true) })
    }

    private func body(
        _ values: [BodyValue], fault: String? = nil, then: VerdictKind = .block, _ words: GuardRule.Words = [],
        over: String? = nil, under: String? = nil
    ) throws -> Bool {
        var request = Request("/")
        request.values = values
        request.fault = fault.map { NotUnderstood(message: $0) }
        return try isMet(request, then: then) {
            $0.body = [GuardRule.BodyMatch(path: "role", words: words, over: over, under: under)]
        }
    }

    private static func text(_ text: String) -> BodyValue { .text(Array(text.utf8)) }
    private static func number(_ text: String) -> BodyValue { .number(Array(text.utf8)) }

    @Test func bodyWords() throws {
        #expect(try body([Self.text("admin")], ["admin"]))
        #expect(try body([Self.text("user"), Self.text("ADMIN")], ["admin"]))
        #expect(try !body([Self.text("user"), Self.text("admin")], then: .allow, ["admin"]))
        #expect(try !body([Self.text("ADMIN")], then: .allow, ["admin"]))
        #expect(try body([Self.text("superuser")], ["super*"]))
        #expect(try !body([], ["admin"]))
        #expect(try !body([], ["*"]))
        #expect(try body([.container], ["*"]))
        #expect(try !body([.container], ["admin"]))
        #expect(try body([.null], ["*"]))
        #expect(try body([.bool(true)], ["true"]))
        for number in ["7", "7.0", "70e-1", "+7", "007"] {
            #expect(try body([Self.number(number)], ["7"]), "\(number)")
        }
        #expect(try body([Self.text("7.00")], ["7"]))
        #expect(try !body([Self.number("7.1")], ["7"]))
    }

    @Test func bodyWordsNegated() throws {
        let others = GuardRule.Words(["user"], isNegated: true)
        let absent = GuardRule.Words(["*"], isNegated: true)
        #expect(try body([], others))
        #expect(try body([Self.text("admin")], others))
        #expect(try body([.container], others))
        #expect(try !body([Self.text("user")], others))
        #expect(try body([Self.text("user"), Self.text("admin")], others))
        // Absent, for whichever target takes null for nothing.
        #expect(try body([], absent))
        #expect(try body([.null], absent))
        #expect(try !body([.null], then: .allow, absent))
        #expect(try !body([Self.text("")], absent))
    }

    @Test(arguments: [
        ("1000", "1000", false), ("1000", "1000.00", false), ("1000", "1000.000000000000000000001", true),
        ("1000", "1e3", false), ("1000", "1e4", true), ("1000", "1E400", true), ("1000", "-1e400", false),
        ("1000", "1e99999999999999999999", true), ("1000", "1e-99999999999999999999", false),
        ("9007199254740992", "9007199254740993", true), ("0", "0e999999999", false), ("0", "-0.0", false),
        ("0", "0.0000000000000000000000000001", true), ("-5", "-4", true), ("-5", "-6", false), ("-5", "0", true),
        ("0.3", "0.30000000000000004", true), ("1000", "999999999999999999999999999999999999999999", true),
        ("99", "100", true), ("100", "99", false), ("100", "0100.5", true),
    ])
    func numbersOver(_ limit: String, _ number: String, _ isMet: Bool) throws {
        #expect(try body([Self.number(number)], over: limit) == isMet)
        #expect(try body([Self.text(number)], over: limit) == isMet)
        if isMet { #expect(try !body([Self.number(number)], under: limit)) }
    }

    /// A rule that blocks takes for over what cannot be compared; one that allows does not.
    @Test func whatIsNoNumber() throws {
        for value in [
            Self.text("many"), Self.text(""), Self.text("0x3e9"), Self.text("1,000"), Self.text(" 1"), .bool(true),
            .container,
            Self.text("1e"), Self.text("."), Self.text("1."), Self.text("-"), Self.text("NaN"),
        ] {
            #expect(try body([value], over: "5"), "\(value)")
            #expect(try body([value], under: "5"), "\(value)")
            #expect(try !body([value], then: .allow, over: "5"), "\(value)")
        }
        #expect(try !body([.null], over: "5"))
        #expect(try !body([], over: "5"))
        #expect(try body([Self.number("7")], over: "5", under: "10"))
        // Both are about one value.
        #expect(try !body([Self.number("1"), Self.number("11")], over: "5", under: "10"))
    }

    // MARK: - What cannot be read

    private func verdict(
        _ request: Request, _ rules: [GuardRule], notUnderstood: NotUnderstoodPolicy? = nil
    ) throws -> Verdict {
        var subject = CommandSubject(classes: [.insert])
        subject.request = request
        return try PolicySnapshot(guards: rules, notUnderstood: notUnderstood).evaluate(subject)
    }

    private func rule(
        _ name: String, _ then: VerdictKind = .block, path: String? = nil, isObserved: Bool = false
    ) -> GuardRule {
        var condition = GuardRule.Condition()
        condition.body = [GuardRule.BodyMatch(path: "role", words: ["admin"])]
        if let path { condition.path = [path] }
        let terms = then == .hold ? HoldTerms(groups: ["dba"]) : nil
        return GuardRule(name: name, when: condition, then: then, isObserved: isObserved, approve: terms)
    }

    @Test func aBodyThatCannotBeReadIsNotUnderstood() throws {
        var request = Request("/a")
        request.fault = NotUnderstood(message: "it is garbage", setting: "limits.command")
        let blocked = try verdict(request, [rule("r")])
        #expect(blocked.kind == .block && blocked.rules == ["not_understood"])
        #expect(blocked.message?.contains("rule r asks for the body, and it is garbage") == true)
        #expect(blocked.message?.contains("limits.command") == true)
        // A rule that holds asks nobody about what nobody understood.
        #expect(try verdict(request, [rule("r", .hold)]).kind == .block)
        let held = try verdict(request, [rule("r")], notUnderstood: .hold(HoldTerms(groups: ["dba"])))
        #expect(held.kind == .hold)
        let allowed = try verdict(request, [rule("r")], notUnderstood: .allow)
        #expect(allowed.kind == .allow && allowed.rules == ["not_understood"])
    }

    @Test func whatNoRuleAsksForNeedNotBeUnderstood() throws {
        var request = Request("/a")
        request.fault = NotUnderstood(message: "it is garbage")
        #expect(try verdict(request, [rule("r", path: "/b")]).kind == .allow)
        #expect(try verdict(request, [rule("r", path: "/b")]).rules == [])
        #expect(try verdict(request, [rule("r", path: "/a")]).kind == .block)
        // Neither what allows nor what observes is a control.
        #expect(try verdict(request, [rule("r", .allow)]).kind == .allow)
        let observed = try verdict(request, [rule("r", isObserved: true)])
        #expect(observed.kind == .allow && observed.observed == ["r"] && observed.would == .block)
        // What was seen before the fault counts.
        request.values = [Self.text("admin")]
        #expect(try verdict(request, [rule("r")]).decidedBy == ["r"])
    }

    @Test func explanationsTellWhatIsNotKnown() throws {
        var request = Request("/a")
        request.fault = NotUnderstood(message: "it is garbage")
        var subject = CommandSubject(classes: [.insert])
        subject.request = request
        let policy = try PolicySnapshot(guards: [rule("r")])
        let steps = policy.explain(subject)
        #expect(steps.first { $0.rule == "r" }?.reasons == ["not known: it is garbage"])
        #expect(steps.first { $0.rule == "not_understood" }?.isMet == true)
        subject.request = Request("/a")
        #expect(policy.explain(subject).first { $0.rule == "r" }?.reasons == ["the body has no role"])
    }

    // MARK: - GraphQL

    private func asks(
        _ operations: [GraphQLOperation], then: VerdictKind = .block, _ change: (inout GuardRule.GraphQLMatch) -> Void
    ) throws -> Bool {
        var request = Request("/graphql")
        request.operations = operations
        return try isMet(request, then: then) {
            $0.path = ["/graphql"]
            change(&$0.graphQL)
        }
    }

    @Test func graphQLOperations() throws {
        let query = GraphQLOperation(kind: "query", name: "Me", fields: ["me"])
        let mutation = GraphQLOperation(kind: "mutation", fields: ["deleteUser", "rename"])
        #expect(try asks([query, mutation]) { $0.operation = ["mutation"] })
        #expect(try !asks([query]) { $0.operation = ["mutation"] })
        #expect(try !asks([]) { $0.operation = GuardRule.Words(["query"], isNegated: true) })
        #expect(try asks([mutation]) { $0.operation = GuardRule.Words(["query"], isNegated: true) })
        #expect(try !asks([query, mutation], then: .allow) { $0.operation = ["query"] })
        #expect(try asks([query]) { $0.name = ["m*"] })
        #expect(try !asks([mutation]) { $0.name = ["m*"] })
        // What has no name is none of those that are trusted.
        #expect(try asks([mutation]) { $0.name = GuardRule.Words(["Me"], isNegated: true) })
        #expect(try asks([mutation]) { $0.field = ["delete*"] })
        #expect(try asks([mutation]) { $0.field = GuardRule.Words(["rename"], isNegated: true) })
        #expect(try !asks([mutation]) { $0.field = GuardRule.Words(["rename", "deleteUser"], isNegated: true) })
        // All must be true of one operation.
        #expect(
            try !asks([query, mutation]) {
                $0.operation = ["mutation"]
                $0.field = ["me"]
            })
    }

    @Test func graphQLThatCannotBeReadIsNotUnderstood() throws {
        var request = Request("/graphql")
        request.fault = NotUnderstood(message: "it holds no document")
        var condition = GuardRule.Condition()
        condition.path = ["/graphql"]
        condition.graphQL.operation = ["mutation"]
        #expect(try verdict(request, [GuardRule(name: "g", when: condition, then: .block)]).rules == ["not_understood"])
    }

    @Test func rulesThatCanNeverApplyDoNotLoad() {
        func problem(_ change: (inout GuardRule.Condition) -> Void) -> String? {
            var condition = GuardRule.Condition()
            change(&condition)
            do throws(PolicyProblems) {
                _ = try PolicySnapshot(guards: [GuardRule(name: "g", when: condition, then: .block)])
                return nil
            } catch {
                return error.list.first?.problem.key
            }
        }
        for path in ["", "$", "a..b", "a[", "a[x]", "**", "a.**"] {
            #expect(problem { $0.body = [GuardRule.BodyMatch(path: path, words: ["x"])] } == "when.body", "\(path)")
        }
        #expect(problem { $0.body = [GuardRule.BodyMatch(path: "a", over: "x")] } == "when.body")
        #expect(problem { $0.graphQL.operation = ["mutation"] } == "when.graphql")
        #expect(
            problem {
                $0.path = ["/graphql"]
                $0.graphQL.operation = ["mutate"]
            } == "when.graphql.operation")
    }

    @Test func values() throws {
        var request = Request("/")
        request.headers = ["x-env": ["test", "Production"]]
        request.parameters = ["limit": ["10", "all"]]
        func words(_ name: String, _ list: [String], not: Bool = false) -> [GuardRule.NamedWords] {
            [GuardRule.NamedWords(name: name, words: GuardRule.Words(list, isNegated: not))]
        }
        #expect(try isMet(request) { $0.header = words("X-Env", ["prod*"]) })
        #expect(try isMet(request) { $0.query = words("limit", ["all"]) })
        #expect(try !isMet(request, then: .allow) { $0.query = words("limit", ["all"]) })
        #expect(try isMet(request) { $0.query = words("limit", ["10"], not: true) })
        #expect(try isMet(request) { $0.query = words("none", ["10"], not: true) })
        #expect(try !isMet(request) { $0.query = words("none", ["10"]) })
    }
}
