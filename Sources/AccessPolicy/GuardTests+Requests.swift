import GatewayCore

/// By the request's method. Methods are case-sensitive, but a rule means one however it is written.
struct MethodTest: GuardTest {
    private let methods: Set<String>
    private let isNegated: Bool

    init(_ words: GuardRule.Words) {
        methods = Set(words.list.map { $0.uppercased() })
        isNegated = words.isNegated
    }

    func isMet(by subject: CommandSubject) -> Bool {
        guard let request = subject.request else { return false }
        return methods.contains(request.method.uppercased()) != isNegated
    }

    func reason(_ subject: CommandSubject) -> String {
        subject.request.map { "the method is \($0.method)" } ?? "this is no request"
    }
}

/// By the normalised path. A rule that blocks or holds takes no notice of the case of letters.
struct PathTest: GuardTest {
    let patterns: [PathPattern]
    let isNegated: Bool
    let isStrict: Bool

    func isMet(by subject: CommandSubject) -> Bool {
        guard let request = subject.request else { return false }
        // Negated, a rule is the stricter the fewer paths its patterns fit.
        return patterns.contains { $0.matches(request.path, anyCase: isStrict != isNegated) } != isNegated
    }

    func reason(_ subject: CommandSubject) -> String {
        guard let request = subject.request else { return "this is no request" }
        return "the path is /" + request.path.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
    }
}

/// By the values of a header field or a query parameter.
struct ValueTest: GuardTest {
    enum Place: String {
        case header
        case query
    }

    private let place: Place
    private let name: String
    private let patterns: [[UInt8]]
    private let isNegated: Bool
    private let isStrict: Bool

    init(_ place: Place, _ name: String, _ words: GuardRule.Words, isStrict: Bool) {
        self.place = place
        self.name = name
        patterns = words.list.map { Array($0.utf8) }
        isNegated = words.isNegated
        self.isStrict = isStrict
    }

    private func values(_ request: any RequestFacts) -> [[UInt8]] {
        place == .header ? request.header(name) : request.query(name)
    }

    /// Of several values a rule that blocks or holds looks for one that it is about; one that allows wants all to be.
    func isMet(by subject: CommandSubject) -> Bool {
        guard let request = subject.request else { return false }
        let values = values(request)
        func fits(_ value: [UInt8]) -> Bool {
            patterns.contains { PathPattern.matches(value, $0, anyCase: isStrict != isNegated) } != isNegated
        }
        guard !values.isEmpty else { return isNegated }
        return isStrict ? values.contains(where: fits) : values.allSatisfy(fits)
    }

    func reason(_ subject: CommandSubject) -> String {
        guard let request = subject.request else { return "this is no request" }
        let values = values(request)
        return values.isEmpty ? "there is no \(place.rawValue) \(name)" : "\(place.rawValue) \(name) was given"
    }
}
