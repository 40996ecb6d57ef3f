/// How entries are written for others: one line of JSON each.
package enum ExportFormat: String, CaseIterable, Sendable {
    /// The leaf as it is in the ledger.
    case json
    /// An event of the Open Cybersecurity Schema Framework.
    case ocsf

    /// The line of one leaf, without a newline. `index` is the leaf's place in the log of that origin. A leaf that this
    /// version cannot read goes out as it is: nothing is left out.
    package func line(_ leaf: ArraySlice<UInt8>, index: UInt64, origin: String) -> [UInt8] {
        guard self == .ocsf, let read = try? Leaf(Array(leaf)) else { return Array(leaf) }
        return OCSFEvent(read, index: index, origin: origin).json
    }
}
