/// The error every module throws: a code to switch on, a sentence that says what was wrong and what to do, and where it
/// came from.
package struct GatewayError: Error, Sendable, CustomStringConvertible {
    /// An open set of codes; a module adds its own in an extension.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let description: String

        package init(_ description: String) {
            self.description = description
        }
    }

    package var code: Code
    package var message: String
    /// The error under this one, as text; never with a secret in it.
    package var cause: String?
    package var file: String
    package var line: Int

    package init(
        _ code: Code, _ message: String, cause: (any Error)? = nil, file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.message = message
        self.cause = cause.map { String(describing: $0) }
        self.file = file
        self.line = line
    }

    package var description: String {
        cause.map { "\(message) (\(code): \($0))" } ?? "\(message) (\(code))"
    }
}
