import GatewayCore

/// Whether a condition holds of a command.
enum GuardAnswer {
    case no
    case yes
    /// What it asks about could not be read.
    case unknown(NotUnderstood)
}

/// By what stands in a request's body at a path.
struct BodyTest: GuardTest {
    private let path: JSONPath
    /// The same, of names as they are written, where a value is looked for that must be there.
    private let exact: JSONPath?
    private let name: String
    private let predicate: BodyPredicate
    private let isStrict: Bool

    /// Nil when the path is none.
    init?(_ match: GuardRule.BodyMatch, isStrict: Bool) {
        guard let path = JSONPath(BodyName.folded(match.path)) else { return nil }
        self.path = path
        name = match.path
        predicate = BodyPredicate(match, isStrict: isStrict)
        exact = predicate.isMetByNothing && isStrict ? JSONPath(match.path, anyCase: false) : nil
        self.isStrict = isStrict
    }

    func isMet(by subject: CommandSubject) -> Bool { if case .yes = answer(subject) { true } else { false } }

    /// Of several values a rule that blocks or holds looks for one that it is about; one that allows wants all to be.
    func answer(_ subject: CommandSubject) -> GuardAnswer {
        guard let request = subject.request else { return .no }
        var (hasAny, isSettled) = (false, false)
        let fault = request.lookIntoBody(at: path) { value in
            hasAny = true
            isSettled = predicate.isMet(by: value) == isStrict
            return !isSettled
        }
        if isSettled { return isStrict ? .yes : .no }
        if let fault { return .unknown(fault) }
        if !hasAny { return predicate.isMetByNothing ? .yes : .no }
        if let exact, !Self.isThere(exact, request) { return .yes }
        return isStrict ? .no : .yes
    }

    private static func isThere(_ path: JSONPath, _ request: any RequestFacts) -> Bool {
        var isThere = false
        _ = request.lookIntoBody(at: path) { _ in
            isThere = true
            return false
        }
        return isThere
    }

    func reason(_ subject: CommandSubject) -> String {
        guard let request = subject.request else { return "this is no request" }
        var count = 0
        let fault = request.lookIntoBody(at: path) { _ in
            count += 1
            return true
        }
        if let fault, count == 0 { return "not known: \(fault.message)" }
        return switch count {
        case 0: "the body has no \(name)"
        case 1: "the body has one \(name)"
        default: "the body has \(count) values at \(name)"
        }
    }
}

/// By the GraphQL operations that a request asks for: all that is said must be true of one of them.
struct GraphQLTest: GuardTest {
    private let match: GuardRule.GraphQLMatch
    private let isStrict: Bool

    init(_ match: GuardRule.GraphQLMatch, isStrict: Bool) {
        self.match = match
        self.isStrict = isStrict
    }

    func isMet(by subject: CommandSubject) -> Bool { if case .yes = answer(subject) { true } else { false } }

    func answer(_ subject: CommandSubject) -> GuardAnswer {
        switch subject.request?.graphQL() {
        case nil: return .no
        case .failure(let fault)?: return .unknown(fault)
        case .success(let operations)?:
            guard !operations.isEmpty else { return .no }
            return (isStrict ? operations.contains(where: fits) : operations.allSatisfy(fits)) ? .yes : .no
        }
    }

    private func fits(_ operation: GraphQLOperation) -> Bool {
        fits([operation.kind], match.operation) && fits(operation.name.map { [$0] } ?? [], match.name)
            && fits(operation.fields, match.field)
    }

    private func fits(_ values: [String], _ words: GuardRule.Words) -> Bool {
        guard !words.isEmpty else { return true }
        guard !values.isEmpty else { return words.isNegated }
        func fits(_ value: String) -> Bool {
            words.list.contains {
                PathPattern.matches(Array(value.utf8), Array($0.utf8), anyCase: isStrict != words.isNegated)
            } != words.isNegated
        }
        return isStrict ? values.contains(where: fits) : values.allSatisfy(fits)
    }

    func reason(_ subject: CommandSubject) -> String {
        switch subject.request?.graphQL() {
        case nil: return "this is no request"
        case .failure(let fault)?: return "not known: \(fault.message)"
        case .success(let operations)?:
            if operations.isEmpty { return "no GraphQL operation is asked for" }
            return operations.prefix(10).map { operation in
                "\(operation.kind)\(operation.name.map { " " + $0 } ?? "") asks for "
                    + operation.fields.prefix(20).joined(separator: ", ")
            }.joined(separator: "; ")
        }
    }
}
