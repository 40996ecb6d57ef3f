/// What the operations of a GraphQL document are and which fields they ask for at the top (specification of October 2021).
/// `@include` and `@skip` make no difference: what they hang on is not looked at.
package struct GraphQLDocument: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case query
        case mutation
        case subscription
    }

    package struct Operation: Sendable, Equatable {
        package var kind: Kind
        package var name: String?
        /// Names, not aliases, of its fields and of those that its fragments bring to the top; each once.
        package var fields: [String]

        package init(kind: Kind, name: String? = nil, fields: [String]) {
            self.kind = kind
            self.name = name
            self.fields = fields
        }
    }

    package static let mostTokens = 20_000
    /// Braces, brackets and types in one another at most.
    package static let deepest = 128

    /// In their order; at least one.
    package let operations: [Operation]

    /// Errors: `malformed` for what the grammar does not allow, spreads of unknown fragments and documents without an
    /// operation; `tooLarge`.
    package init(_ text: [UInt8]) throws(ContentFault) {
        let parser = try GraphQLParser(text)
        guard !parser.operations.isEmpty else {
            throw ContentFault(.malformed, "The GraphQL document has no operation.")
        }
        var operations: [Operation] = []
        var budget = Self.mostTokens
        for found in parser.operations {
            var fields = TopLevelFields(fragments: parser.fragments)
            try fields.add(found.selections, &budget)
            operations.append(Operation(kind: found.kind, name: found.name, fields: fields.names))
        }
        self.operations = operations
    }

    /// What may run: the one operation that there is, or that `name` alone names; else any of them.
    package func operations(named name: String?) -> [Operation] {
        guard operations.count > 1 else { return operations }
        let named = operations.filter { $0.name != nil && $0.name == name }
        return named.count == 1 ? named : operations
    }

    private struct TopLevelFields {
        let fragments: [String: [GraphQLParser.Selection]]
        private(set) var names: [String] = []
        private var seen: Set<String> = []
        private var spread: Set<String> = []

        init(fragments: [String: [GraphQLParser.Selection]]) { self.fragments = fragments }

        /// Each fragment once, so that cycles end.
        ///
        /// - Parameter budget: selections that may be looked at yet: many operations may spread one large fragment.
        mutating func add(_ selections: [GraphQLParser.Selection], _ budget: inout Int) throws(ContentFault) {
            var waiting = [selections]
            while let next = waiting.popLast() {
                budget -= next.count
                guard budget >= 0 else {
                    throw ContentFault(.tooLarge, "The operations of the GraphQL document have too many fields.")
                }
                for selection in next {
                    switch selection {
                    case .field(let name): if seen.insert(name).inserted { names.append(name) }
                    case .inner(let inner): waiting.append(inner)
                    case .spread(let name):
                        guard spread.insert(name).inserted else { continue }
                        guard let fragment = fragments[name] else {
                            throw ContentFault(.malformed, "The GraphQL document spreads a fragment that it lacks.")
                        }
                        waiting.append(fragment)
                    }
                }
            }
        }
    }
}
