extension GuardRule {
    /// Words of one key: one of them must fit, or with `not:` none of them.
    package struct Words: Sendable, Hashable, ExpressibleByArrayLiteral {
        package var list: [String]
        package var isNegated: Bool

        package init(_ list: [String], isNegated: Bool = false) {
            self.list = list
            self.isNegated = isNegated
        }

        package init(arrayLiteral elements: String...) { self.init(elements) }

        var isEmpty: Bool { list.isEmpty }
    }

    /// Words about something that has a name of its own: a header field, a query parameter.
    package struct NamedWords: Sendable, Hashable {
        package var name: String
        package var words: Words

        package init(name: String, words: Words) {
            self.name = name
            self.words = words
        }
    }

    /// What a command must be for the rule to apply; all that is given must hold.
    package struct Condition: Sendable, Hashable {
        // What is done.

        /// Classes, groups or verbs; one of them.
        package var statement: [String]
        /// Table patterns; one of them on one table. Negated: a table that is none of them.
        package var table: Words
        /// Patterns of schemas that hold what is named. Negated: something in a schema that is none of them.
        package var schema: Words = []
        /// Columns read or written: `column`, `table.column`, `schema.table.column`.
        package var column: [String] = []
        package var columnRead: [String] = []
        package var columnWritten: [String] = []
        /// Functions called.
        package var function: [String] = []
        /// More relations than this are joined.
        package var joins: Int?
        /// `without: where`.
        package var withoutWhere: Bool
        /// `without: limit`.
        package var withoutLimit = false
        /// The target thinks that it is about more rows than this.
        package var estimatedRowsOver: Int?
        /// Regular expression on the text.
        package var matches: String?

        // What is asked for, of requests.

        /// Methods; one of them. Negated: none of them.
        package var method: Words = []
        /// Patterns of paths: `*` within a segment, `**` for any segments.
        package var path: Words = []
        /// Patterns of the values of header fields; all must hold. Negated: no value is one of them.
        package var header: [NamedWords] = []
        package var query: [NamedWords] = []
        /// Values in the body; all must hold.
        package var body: [BodyMatch] = []
        /// One operation of the GraphQL document that the request carries.
        package var graphQL = GraphQLMatch()

        // Who does it, when and why.

        /// Patterns of subjects.
        package var principal: Words = []
        package var issuer: Words = []
        package var group: Words = []
        /// Patterns of agents' names.
        package var agent: Words = []
        /// `purpose: present` or `absent`.
        package var hasPurpose: Bool?
        package var time: TimeWindow?

        package init(
            statement: [String] = [], table: Words = [], withoutWhere: Bool = false, matches: String? = nil
        ) {
            self.statement = statement
            self.table = table
            self.withoutWhere = withoutWhere
            self.matches = matches
        }

        /// Whether anything is asked at all.
        var isEmpty: Bool { self == Condition() }
    }
}

extension GuardRule.Condition {
    /// Everything that is asked, in a form that no other condition has; for the policy's version and for people.
    ///
    /// Each part is a key with what stands under it, as in the file.
    package var parts: [(key: String, values: [String])] {
        var parts: [(String, [String])] = []
        func add(_ key: String, _ values: [String]) {
            if !values.isEmpty { parts.append((key, values)) }
        }
        func add(_ key: String, _ words: GuardRule.Words) { add(words.isNegated ? key + ".not" : key, words.list) }
        add("statement", statement)
        add("table", table)
        add("schema", schema)
        add("column", column)
        add("column_read", columnRead)
        add("column_written", columnWritten)
        add("function", function)
        add("joins", joins.map { [String($0)] } ?? [])
        add("without", (withoutWhere ? ["where"] : []) + (withoutLimit ? ["limit"] : []))
        add("estimated_rows_over", estimatedRowsOver.map { [String($0)] } ?? [])
        add("matches", matches.map { [$0] } ?? [])
        add("method", method)
        add("path", path)
        for field in header { add("header." + field.name, field.words) }
        for parameter in query { add("query." + parameter.name, parameter.words) }
        for field in body {
            add("body." + field.path, field.words)
            add("body." + field.path + ".over", field.over.map { [$0] } ?? [])
            add("body." + field.path + ".under", field.under.map { [$0] } ?? [])
        }
        add("graphql.operation", graphQL.operation)
        add("graphql.name", graphQL.name)
        add("graphql.field", graphQL.field)
        add("principal", principal)
        add("issuer", issuer)
        add("group", group)
        add("agent", agent)
        add("purpose", hasPurpose.map { [$0 ? "present" : "absent"] } ?? [])
        if let time { add(time.isNegated ? "time.not" : "time", [time.description]) }
        return parts
    }
}
