/// What is wrong with a message, with the status that tells a client so (RFC 9110 section 15).
package struct MalformedHTTP: Error, Sendable, Equatable {
    package var status: Int
    package var message: String

    package init(_ message: String, status: Int = 400) {
        self.status = status
        self.message = message
    }
}
