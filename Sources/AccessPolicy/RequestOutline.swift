/// A request for those who are asked about it from outside: what it says, without what opens doors.
package struct RequestOutline: Sendable, Equatable {
    package struct Pair: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package enum Value: Sendable, Equatable {
        case text(String)
        /// As written.
        case number(String)
        case bool(Bool)
        case null
    }

    /// One value of the body, with the path that a guard would find it by.
    package struct Field: Sendable, Equatable {
        package var path: String
        package var value: Value

        package init(path: String, value: Value) {
            self.path = path
            self.value = value
        }
    }

    package var method: String
    /// Decoded.
    package var path: String
    package var query: [Pair] = []
    /// Names in small letters.
    package var headers: [Pair] = []
    /// Nil where it has none, or could not be read.
    package var body: [Field]?
    /// There is more of the body, or of one of its values.
    package var isCut = false
    package var bodyNotUnderstood: String?
    /// Nil where there is no document, or none that could be read.
    package var graphQL: [GraphQLOperation]?

    package init(method: String, path: String) {
        self.method = method
        self.path = path
    }
}
