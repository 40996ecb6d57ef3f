package import GatewayCore

/// One item of content that belongs to an entry: it goes sealed into the recording; the leaf holds only its commitment.
package struct ContentItem: Sendable, Hashable {
    /// What the content is; an open set of short names.
    package struct Kind: RawRepresentable, Hashable, Sendable {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The command's text.
        package static let text = Kind(rawValue: "text")
        package static let parameters = Kind(rawValue: "parameters")
        /// What the answer's columns are called, in the protocol's own form, when the answer does not say so itself.
        package static let columns = Kind(rawValue: "columns")
        /// All masked answer bytes of the exchange; made by the recorder from the chunks.
        package static let answer = Kind(rawValue: "answer")
        /// All input chunks of the exchange; made by the recorder from the chunks.
        package static let input = Kind(rawValue: "input")
        package static let errorText = Kind(rawValue: "error_text")
        package static let reason = Kind(rawValue: "reason")
        package static let notice = Kind(rawValue: "notice")
        /// What a search looked for.
        package static let query = Kind(rawValue: "query")
        /// Lines of what a policy says now (`+`) and what it does not say any more (`-`).
        package static let policyDiff = Kind(rawValue: "policy_diff")
        package static let claimedName = Kind(rawValue: "claimed_name")
    }

    package var kind: Kind
    package var bytes: [UInt8]

    package init(_ kind: Kind, _ bytes: [UInt8]) {
        self.kind = kind
        self.bytes = bytes
    }

    package init(_ kind: Kind, _ text: String) {
        self.init(kind, Array(text.utf8))
    }
}

/// A named number of an entry, e.g. `judge_us`; the name is lower-case ASCII with underscores.
package struct Measure: Sendable, Hashable {
    package var name: String
    package var value: Int

    package init(_ name: String, _ value: Int) {
        self.name = name
        self.value = value
    }
}

/// An entry as its author knows it; id, time, session, sequence and commitments are added when it is appended.
package struct EntryDraft: Sendable {
    package var type: EntryType
    /// Number of the exchange within the session, from 1.
    package var exchange: UInt64?
    /// Statement classes, e.g. `select`.
    package var classes: [String] = []
    package var verb: String?
    /// Tables, path templates, tool names; never a path or literal as typed.
    package var objects: [String] = []
    package var verdict: VerdictKind?
    package var rules: [String] = []
    /// Those of `rules` that say what the verdict is; written only where that is not all of them.
    package var decidedBy: [String] = []
    /// Those of `rules` that only observe, and what the verdict would be if they counted.
    package var observed: [String] = []
    package var would: VerdictKind?
    package var policy: String?
    package var approval: RecordID?
    package var approver: Principal?
    package var requester: Principal?
    /// Rows answered or affected; `outcome.rows` is used when nil.
    package var rows: Int?
    package var bytesIn: Int?
    package var bytesOut: Int?
    package var durationMicros: Int?
    package var measures: [Measure] = []
    /// `errorText` is moved to the content, never into the leaf.
    package var outcome: Outcome?
    /// A short fixed word, e.g. `token_expired`.
    package var reasonCode: String?
    package var content: [ContentItem] = []
    /// Short extras that are no content.
    package var details: [String: String] = [:]

    // Who and where, for entries of the gateway's own session; a session's context is used when nil.
    package var principal: Principal?
    package var agent: AgentContext?
    package var connection: String?
    package var clientAddress: String?
    /// The session that the entry is about, e.g. the one viewed.
    package var aboutSession: RecordID?

    package init(_ type: EntryType, exchange: UInt64? = nil) {
        self.type = type
        self.exchange = exchange
    }
}
