/// Why a proof proves nothing.
package enum ProofFailure: Error, Hashable, Sendable {
    /// The entry's index is not below the tree's size.
    case indexOutsideTree
    /// The older tree is larger than the newer one.
    case sizesReversed
    /// More or fewer hashes than index and sizes ask for.
    case wrongLength
    /// The hashes lead to another root: entry, proof or tree is not what it says.
    case rootMismatch
}
