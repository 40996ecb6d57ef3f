/// Bytes that do not have the form of the thing they should be: a tile, a bundle, a checkpoint, a note, a request.
package struct LedgerFormatError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was read, such as `checkpoint`.
    package let thing: String
    /// What is wrong with it; never a part of the bytes.
    package let reason: String

    package init(_ thing: String, _ reason: String) {
        self.thing = thing
        self.reason = reason
    }

    package var description: String { "\(thing): \(reason)" }
}
