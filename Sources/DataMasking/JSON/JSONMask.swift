package import GatewayCore

/// Masks parts of a JSON value (RFC 8259), which stays one: what paths name becomes a string, or null, and so does a number that
/// a detector finds something in. Within strings only what is found is replaced.
package struct JSONMask: Sendable, Hashable {
    struct Part: Sendable, Hashable {
        var path: JSONPath
        var method: MaskMethod
    }

    let parts: [Part]
    let scanner: Scanner?
    /// What stands in where the value is not JSON after all.
    package let whole: MaskMethod

    /// - Parameter scanner: for what no path names; nil where nothing is searched for.
    package init(paths: [(JSONPath, MaskMethod)] = [], scanner: Scanner?, whole: MaskMethod = .redact) {
        parts = paths.map { Part(path: $0.0, method: $0.1) }
        self.scanner = scanner.flatMap { $0.isEmpty ? nil : $0 }
        self.whole = whole
    }

    /// - Returns: nil, with nothing appended, when the text is not JSON, or nests deeper than is looked into.
    package func mask(_ text: UnsafeRawBufferPointer, into output: inout [UInt8], key: MaskKey) -> MaskedValue? {
        let edits = scanner?.scan(text) ?? []
        // A value may be written with escapes (`\u0040`), which the pass over the whole does not read.
        if parts.isEmpty, edits.isEmpty, !text.contains(0x5C) { return .unchanged }
        let begin = output.count
        var walk = JSONWalk(text, self, edits, key: key)
        guard walk.run(into: &output) else {
            output.removeSubrange(begin...)
            return nil
        }
        if walk.isChanged { return .replaced }
        output.removeSubrange(begin...)
        // Something was found that is in no string and no number.
        return edits.isEmpty ? .unchanged : nil
    }

    /// The states of all paths at the root.
    var start: [UInt64] { parts.map(\.path.start) }

    /// The strictest method of the paths that end here.
    func method(at states: [UInt64]) -> MaskMethod? {
        var found: MaskMethod?
        for index in parts.indices where parts[index].path.isEnd(states[index]) {
            let method = parts[index].method
            if found.map({ $0.strictness < method.strictness }) ?? true { found = method }
        }
        return found
    }
}
