/// The grammar of executable documents (specification of October 2021, section 2). Only what a guard asks about is kept.
struct GraphQLParser {
    /// What stands in a selection set, as far as top-level fields hang on it.
    enum Selection: Equatable {
        case field(String)
        case spread(String)
        /// An inline fragment's.
        case inner([Selection])
    }

    struct Operation {
        var kind: GraphQLDocument.Kind
        var name: String?
        var selections: [Selection]
    }

    private var lexer: GraphQLLexer
    private var token = GraphQLLexer.Token.end
    private var depth = 0
    private(set) var operations: [Operation] = []
    private(set) var fragments: [String: [Selection]] = [:]

    init(_ bytes: [UInt8]) throws(ContentFault) {
        lexer = GraphQLLexer(bytes, most: GraphQLDocument.mostTokens)
        token = try lexer.next()
        repeat { try definition() } while token != .end
    }

    // MARK: - Definitions

    private mutating func definition() throws(ContentFault) {
        if token == .punctuator(UInt8(ascii: "{")) {
            return operations.append(Operation(kind: .query, name: nil, selections: try selections()))
        }
        let word = try name()
        if word == "fragment" { return try fragment() }
        guard let kind = GraphQLDocument.Kind(rawValue: word) else {
            throw lexer.fault("a definition is neither an operation nor a fragment")
        }
        var operation = Operation(kind: kind, name: nil, selections: [])
        if case .name(let name) = token {
            operation.name = name
            try advance()
        }
        if try take("(") { try variables() }
        try directives()
        operation.selections = try selections()
        operations.append(operation)
    }

    private mutating func fragment() throws(ContentFault) {
        let name = try name()
        guard name != "on", try self.name() == "on" else { throw lexer.fault("a fragment is malformed") }
        _ = try self.name()
        try directives()
        let selections = try selections()
        guard fragments.updateValue(selections, forKey: name) == nil else {
            throw lexer.fault("two fragments have the same name")
        }
    }

    private mutating func variables() throws(ContentFault) {
        repeat {
            try expect("$")
            _ = try name()
            try expect(":")
            try type()
            if try take("=") { try value() }
            try directives()
        } while try !take(")")
    }

    private mutating func type() throws(ContentFault) {
        try enter()
        if try take("[") {
            try type()
            try expect("]")
        } else {
            _ = try name()
        }
        _ = try take("!")
        depth -= 1
    }

    // MARK: - Selections

    private mutating func selections() throws(ContentFault) -> [Selection] {
        try expect("{")
        try enter()
        var list: [Selection] = []
        repeat { list.append(try selection()) } while try !take("}")
        depth -= 1
        return list
    }

    private mutating func selection() throws(ContentFault) -> Selection {
        guard token == .spread else { return .field(try field()) }
        try advance()
        if case .name(let name) = token, name != "on" {
            try advance()
            try directives()
            return .spread(name)
        }
        if case .name = token {
            try advance()
            _ = try name()
        }
        try directives()
        return .inner(try selections())
    }

    /// The field's own name, whatever its alias.
    private mutating func field() throws(ContentFault) -> String {
        var name = try name()
        if try take(":") { name = try self.name() }
        if try take("(") { try arguments() }
        try directives()
        if token == .punctuator(UInt8(ascii: "{")) { _ = try selections() }
        return name
    }

    private mutating func directives() throws(ContentFault) {
        while try take("@") {
            _ = try name()
            if try take("(") { try arguments() }
        }
    }

    private mutating func arguments() throws(ContentFault) {
        repeat {
            _ = try name()
            try expect(":")
            try value()
        } while try !take(")")
    }

    private mutating func value() throws(ContentFault) {
        try enter()
        defer { depth -= 1 }
        if try take("$") {
            _ = try name()
        } else if try take("[") {
            while try !take("]") { try value() }
        } else if try take("{") {
            while try !take("}") {
                _ = try name()
                try expect(":")
                try value()
            }
        } else {
            switch token {
            case .name, .number, .string: try advance()
            default: throw lexer.fault("a value is missing")
            }
        }
    }

    // MARK: - Tokens

    private mutating func advance() throws(ContentFault) { token = try lexer.next() }

    private mutating func enter() throws(ContentFault) {
        depth += 1
        guard depth <= GraphQLDocument.deepest else {
            throw ContentFault(.tooLarge, "The GraphQL document nests deeper than \(GraphQLDocument.deepest).")
        }
    }

    private mutating func name() throws(ContentFault) -> String {
        guard case .name(let name) = token else { throw lexer.fault("a name is missing") }
        try advance()
        return name
    }

    private mutating func take(_ character: Unicode.Scalar) throws(ContentFault) -> Bool {
        guard token == .punctuator(UInt8(ascii: character)) else { return false }
        try advance()
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(ContentFault) {
        guard try take(character) else { throw lexer.fault("`\(character)` is missing") }
    }
}
