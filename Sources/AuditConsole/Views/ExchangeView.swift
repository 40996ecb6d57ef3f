/// One command with everything that came of it, in the timeline of a session.
package struct ExchangeView: Codable, Sendable, Hashable {
    package struct Step: Codable, Sendable, Hashable {
        package var type: String
        package var time: String
    }

    package struct Outcome: Codable, Sendable, Hashable {
        package var kind: String
        package var code: String?
        package var tag: String?
        package var error: String?

        package init(kind: String, code: String? = nil, tag: String? = nil, error: String? = nil) {
            self.kind = kind
            self.code = code
            self.tag = tag
            self.error = error
        }
    }

    package struct Approval: Codable, Sendable, Hashable {
        package var id: String?
        package var approver: PrincipalView?
        package var reason: String?
    }

    /// A message of a WebSocket connection.
    package struct Message: Codable, Sendable, Hashable {
        /// `client` or `target`: who sent it.
        package var from: String
        /// `text`, `binary`, `ping`, `pong` or `close`.
        package var kind: String
        package var bytes: Int
        /// Its content where that is text, as UTF-8.
        package var text: String?
        /// Other content, as base64url.
        package var data: String?
        /// A close frame's.
        package var code: Int?
        /// Less is shown than there was.
        package var isTruncated: Bool?

        package init(from: String, kind: String, bytes: Int) {
            self.from = from
            self.kind = kind
            self.bytes = bytes
        }
    }

    package var exchange: UInt64
    package var time: String
    package var text: String?
    package var parameters: [String?]?
    package var verb: String?
    package var classes: [String]?
    package var objects: [String]?
    /// `allow`, `hold` or `block`.
    package var verdict: String?
    /// All that matched.
    package var rules: [String]?
    /// Those of them that made the verdict, where that is not all.
    package var decidedBy: [String]?
    /// Those of them that only observe.
    package var observed: [String]?
    /// The verdict if those that observe counted, where that is another.
    package var would: String?
    package var policy: String?
    package var approval: Approval?
    /// Why it was refused, in the gateway's words.
    package var refusal: String?
    /// A statement of the gateway's own that the target got instead.
    package var substituted: String?
    /// The exchange that this one continues.
    package var continues: UInt64?
    package var outcome: Outcome?
    package var rows: Int?
    package var bytesIn: Int?
    package var bytesOut: Int?
    package var durationMicros: Int?
    /// Time until it was forwarded: judging, recording, waiting for approval.
    package var waitMicros: Int?
    package var answer: AnswerView?
    /// Columns that the answer shows though they are masked otherwise, and the approvals that it does so by.
    package var unmasked: [String]?
    package var unmaskedBy: [String]?
    /// Bytes of COPY data and the like that the client sent; shown as text when they are.
    package var input: String?
    /// What both sides of a WebSocket connection said, in its order.
    package var messages: [Message]?
    package var steps: [Step]

    package init(exchange: UInt64, time: String) {
        self.exchange = exchange
        self.time = time
        steps = []
    }
}

/// Recorded rows, as the client got them.
package struct AnswerView: Codable, Sendable, Hashable {
    package struct Result: Codable, Sendable, Hashable {
        package var columns: [String]
        /// Nil is NULL.
        package var rows: [[String?]]
        package var tag: String?

        package init(columns: [String], rows: [[String?]], tag: String? = nil) {
            self.columns = columns
            self.rows = rows
            self.tag = tag
        }
    }

    package var results: [Result]
    package var notices: [String]
    package var error: String?
    /// Lines of COPY data; nil when there were none.
    package var copy: [String]?
    /// The answer of a protocol whose answers are no rows; nil otherwise.
    package var text: String?
    /// Fewer rows are shown than were recorded.
    package var isTruncated: Bool

    package init(
        results: [Result] = [], notices: [String] = [], error: String? = nil, copy: [String]? = nil,
        text: String? = nil, isTruncated: Bool = false
    ) {
        self.text = text
        self.copy = copy
        self.results = results
        self.notices = notices
        self.error = error
        self.isTruncated = isTruncated
    }
}

/// A session's timeline, or a page of it.
package struct RecordingView: Codable, Sendable, Hashable {
    package var session: SessionView
    package var exchanges: [ExchangeView]
    package var next: String?

    package init(session: SessionView, exchanges: [ExchangeView], next: String? = nil) {
        self.session = session
        self.exchanges = exchanges
        self.next = next
    }
}
