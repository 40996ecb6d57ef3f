/// What an archive of HTTP exchanges (HAR 1.2) is told of one, besides the recorded bytes.
package struct HARExchange: Sendable {
    /// RFC 3339.
    package var started = ""
    /// The same in microseconds since 1970.
    package var startedMicros: Int64 = 0
    /// From the request's arrival to the answer's end, and of it the time until it was forwarded; microseconds.
    package var duration = 0
    package var waited = 0
    /// For a request whose text is not kept any more.
    package var method = ""
    package var template = ""
    /// The status that the client was answered where no answer was recorded: the gateway's own.
    package var status: Int?
    /// `http` or `https`: how the target is spoken to.
    package var scheme = "http"
    /// What the gateway decided, as a JSON object.
    package var gateway: [UInt8] = []

    package init() {}
}

/// Recorded bytes in pieces, from the first each time it is called, until `body` returns false.
package typealias RecordedBytes = (_ body: ([UInt8]) throws -> Bool) throws -> Void
