/// Bounds of one analysis; each names the setting that changes it in the refusal.
package struct AnalysisLimits: Sendable, Hashable {
    /// Bytes of a text that is judged (`limits.command`).
    package var command: Int
    /// Tokens of a text that reaches the parser (`limits.tokens`): also what bounds long left-recursive chains.
    package var tokens: Int
    /// Depth of open parentheses and brackets (`limits.nesting`).
    package var nesting: Int

    package init(command: Int = 1 << 20, tokens: Int = 5_000, nesting: Int = 1_000) {
        self.command = min(command, 1 << 30)
        self.tokens = tokens
        self.nesting = nesting
    }
}
