package import AuditStore
import Crypto
package import GatewayConfiguration
import GatewayCore

/// A batch as the body of a request, and the id that all attempts to send it share.
package struct WebhookMessage: Sendable {
    /// Made of the sink, the log and the entries: the same ones have the same id after a restart too. Without a full stop, which
    /// parts what is signed.
    package let id: String
    package let contentType: String
    package let body: [UInt8]

    package init(_ batch: SinkBatch, sink: String, as form: HTTPSSinkConfiguration.Body) {
        let log = SHA256.hash(data: Array(batch.origin.utf8)).prefix(4).map { byte in
            String(UInt32(byte) | 0x100, radix: 16).dropFirst()
        }.joined()
        id = "\(sink)-\(log)-\(batch.first)-\(batch.end)"
        contentType = form == .lines ? "application/x-ndjson" : "application/json"
        var body: [UInt8] = []
        body.reserveCapacity(batch.bytes + 256)
        switch form {
        case .lines:
            for line in batch.lines {
                body += line
                body.append(UInt8(ascii: "\n"))
            }
        case .array: Self.add(batch.lines, to: &body)
        case .webhook:
            let time = batch.times?.last ?? Timestamp(microseconds: 0)
            // A log's name has no character that JSON escapes but these two.
            let origin = batch.origin.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            body += Array(
                "{\"type\":\"audit.entries\",\"timestamp\":\"\(time)\",\"log\":\"\(origin)\",\"first\":\(batch.first),\"data\":"
                    .utf8)
            Self.add(batch.lines, to: &body)
            body.append(UInt8(ascii: "}"))
        }
        self.body = body
    }

    private static func add(_ lines: [[UInt8]], to body: inout [UInt8]) {
        body.append(UInt8(ascii: "["))
        for (place, line) in lines.enumerated() {
            if place > 0 { body.append(UInt8(ascii: ",")) }
            body += line
        }
        body.append(UInt8(ascii: "]"))
    }
}
