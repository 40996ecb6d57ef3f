package import GatewayCore

/// Which commands are looked for; nil members do not narrow.
package struct SearchQuery: Sendable, Hashable {
    package static let mostHits = 500

    /// Only commands of this principal's own sessions, issuer and subject; nil sees all.
    package var viewer: Principal?
    package var terms: SearchTerms?
    /// Subject or readable name.
    package var principal: String?
    package var agent: String?
    package var run: String?
    package var connection: String?
    package var session: RecordID?
    package var outcome: OutcomeKind?
    package var verdict: VerdictKind?
    /// Name of a rule that matched, in any case.
    package var rule: String?
    /// An object as recorded, or its last part (`orders` finds `public.orders`), in any case.
    package var object: String?
    package var approval: RecordID?
    package var since: Timestamp?
    package var until: Timestamp?
    /// At most so many hits, 1 to `mostHits`.
    package var limit: Int

    package init(limit: Int = 50) {
        self.limit = min(max(limit, 1), Self.mostHits)
    }

    /// All that a cursor is bound to, in a form that no two different queries share; the limit may change.
    var identity: [UInt8] {
        var bytes: [UInt8] = []
        func add(_ part: (some Collection<UInt8>)?) {
            guard let part else { return bytes.append(0) }
            bytes.append(1)
            withUnsafeBytes(of: UInt64(part.count).bigEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: part)
        }
        add(viewer?.issuer.utf8)
        add(viewer?.subject.utf8)
        for text in [principal, agent, run, connection, rule, object, outcome?.rawValue, verdict?.rawValue] {
            add(text?.utf8)
        }
        for id in [session, approval] { add(id?.bytes) }
        for time in [since, until] {
            add(time.map { withUnsafeBytes(of: $0.microseconds.bigEndian) { Array($0) } })
        }
        for term in terms?.terms ?? [] { add(term.bytes) }
        return bytes
    }
}

/// A command that was found.
package struct SearchHit: Sendable {
    /// A piece of the text around what was found, which is in `match`; `match` is empty when no text was asked for.
    package struct Excerpt: Sendable, Hashable {
        package var before: String
        package var match: String
        package var after: String
        /// The command's text is longer than this.
        package var isCut: Bool
    }

    package var session: ArchivedSession
    package var exchange: UInt64
    package var time: Timestamp
    package var verdict: VerdictKind?
    /// Nil while it runs or waits.
    package var outcome: OutcomeKind?
    /// The native code of an error.
    package var code: String?
    package var rows: Int?
    package var classes: [String]
    package var verb: String?
    package var objects: [String]
    package var rules: [String]
    /// Nil when no text was recorded.
    package var text: Excerpt?
}

/// Some hits, newest first.
package struct SearchPage: Sendable {
    package var hits: [SearchHit]
    /// What to ask for the hits after these; nil when all were seen. A page may be short of its limit, or empty, and
    /// still have a next one: what one page looks through is bounded.
    package var next: String?
}
