/// Why content cannot be read. What is not understood is not passed on where a rule could have applied.
package struct ContentFault: Error, Sendable, Hashable {
    package enum Kind: String, Sendable {
        /// Against the format's grammar, or ambiguous: two readers could see two things.
        case malformed
        /// What must be UTF-8 is not.
        case notUTF8
        /// The content ended in the middle.
        case truncated
        /// Over a limit of this gateway.
        case tooLarge
    }

    package var kind: Kind
    /// For a log or an answer; never holds content.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}
