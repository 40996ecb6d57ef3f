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
