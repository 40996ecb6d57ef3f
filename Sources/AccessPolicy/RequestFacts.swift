package import GatewayCore

/// What policy knows of a command that is an HTTP request; read when a rule asks, so that nothing is made ready in vain.
package protocol RequestFacts: Sendable {
    /// As sent: methods are case-sensitive.
    var method: String { get }
    /// The decoded segments of the normalised path; the last one is empty when it ends with a slash.
    var path: [[UInt8]] { get }
    /// The values of all fields of that name, which is in small letters.
    func header(_ name: String) -> [[UInt8]]
    /// The decoded values of all query parameters of that name.
    func query(_ name: String) -> [[UInt8]]
    /// Shows each value that stands in the body at `path` until `look` says false. Where the path takes any case its names
    /// are folded (`BodyName`), and all that some target may take for them counts; else only what every target does.
    ///
    /// - Returns: why the body cannot be read, or not to its end; values may have been shown all the same.
    func lookIntoBody(at path: JSONPath, _ look: (BodyValue) -> Bool) -> NotUnderstood?
    /// The GraphQL operations that the request may have run. Errors: why that cannot be told.
    func graphQL() -> Result<[GraphQLOperation], NotUnderstood>
    /// For who is asked from outside; nil where there is nothing to tell.
    var outline: RequestOutline? { get }
}

extension RequestFacts {
    package var outline: RequestOutline? { nil }
}

/// A value in a body, as guards compare it.
package enum BodyValue: Sendable, Equatable {
    /// A string's characters, a form's value: UTF-8, but for the content of files.
    case text([UInt8])
    /// As written.
    case number([UInt8])
    case bool(Bool)
    case null
    /// An object, or an array with nothing in it. Of other arrays the elements are the values.
    case container
}

/// Names in bodies as guards compare them: no case, whichever letters a target's own reader takes for the same.
package enum BodyName {
    package static func folded(_ name: String) -> String {
        name.utf8.allSatisfy { $0 < 0x80 } ? name : name.uppercased().lowercased()
    }
}

/// One operation of a GraphQL document.
package struct GraphQLOperation: Sendable, Equatable {
    /// `query`, `mutation` or `subscription`.
    package var kind: String
    package var name: String?
    /// Its fields at the top, by their own names.
    package var fields: [String]

    package init(kind: String, name: String? = nil, fields: [String] = []) {
        self.kind = kind
        self.name = name
        self.fields = fields
    }
}
