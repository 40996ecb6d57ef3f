import GatewayCore
import Hummingbird
import Identity
import NIOCore

extension Request {
    /// Largest body of any request here, in bytes.
    static let bodyLimit = 16 << 10
    /// Time that a client has to send it.
    static let bodySeconds = 10

    /// The members of the request's JSON object; empty when there is no body. Errors: `Problem`.
    func members() async throws -> [String: JSONValue] {
        let buffer = try await bodyInTime()
        let bytes = Array(buffer.readableBytesView)
        guard !bytes.isEmpty else { return [:] }
        let type = headers[.contentType]?.split(separator: ";").first.map { $0.lowercased() }
        guard type == "application/json" else {
            throw Problem(
                .unsupportedMediaType, "content_type", "The body must be sent as Content-Type: application/json.")
        }
        guard let members = JSONReader.read(bytes)?.object else {
            throw Problem.badRequest("The body is not a JSON object.")
        }
        return members
    }

    private func bodyInTime() async throws -> ByteBuffer {
        let body = self.body
        return try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            group.addTask {
                do {
                    return try await body.collect(upTo: Self.bodyLimit)
                } catch is NIOTooManyBytesError {
                    throw Problem(.contentTooLarge, "too_large", "The body is larger than \(Self.bodyLimit) bytes.")
                }
            }
            group.addTask {
                try await Task.sleep(for: .seconds(Self.bodySeconds))
                throw Problem(.requestTimeout, "timeout", "The body did not come within \(Self.bodySeconds) s.")
            }
            defer { group.cancelAll() }
            guard let buffer = try await group.next() else { return ByteBuffer() }
            return buffer
        }
    }

    /// A query parameter once percent-decoded; nil when absent or empty. Given twice is an error, as is anything over
    /// 512 bytes.
    func parameter(_ name: String) throws(Problem) -> String? {
        let values = uri.queryParameters[values: name[...]]
        guard values.count <= 1 else { throw .badRequest("The parameter \(name) is given more than once.") }
        guard let value = values.first, !value.isEmpty else { return nil }
        guard value.utf8.count <= 512 else { throw .badRequest("The parameter \(name) is longer than 512 bytes.") }
        return String(value)
    }

    /// A mistyped filter must not quietly show everything.
    func allowOnly(_ names: Set<String>) throws(Problem) {
        for (name, _) in uri.queryParameters where !names.contains(String(name)) {
            throw .badRequest(
                "There is no parameter \(ClaimedIdentity.printable(String(name))) here; there are \(names.sorted().joined(separator: ", "))."
            )
        }
    }

    func limit(default value: Int, most: Int) throws(Problem) -> Int {
        guard let text = try parameter("limit") else { return value }
        guard let limit = Int(text), (1...most).contains(limit) else {
            throw .badRequest("limit must be a number from 1 to \(most).")
        }
        return limit
    }

    func number(_ name: String) throws(Problem) -> UInt64? {
        guard let text = try parameter(name) else { return nil }
        guard let number = UInt64(text), number <= UInt64(Int.max) else {
            throw .badRequest("\(name) must be a number.")
        }
        return number
    }

    func time(_ name: String) throws(Problem) -> Timestamp? {
        guard let text = try parameter(name) else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            throw .badRequest("\(name) must be a time like 2026-11-21T05:00:00Z or 2026-11-21.")
        }
        return time
    }
}

extension ConsoleContext {
    /// The id in the path. What is no id names nothing.
    func recordID() throws(Problem) -> RecordID {
        guard let text = parameters.get("id"), let id = RecordID(text) else { throw .noSession }
        return id
    }
}

extension [String: JSONValue] {
    func allowOnly(_ names: Set<String>) throws(Problem) {
        for name in keys where !names.contains(name) {
            throw .badRequest("The body has an unknown member \(ClaimedIdentity.printable(name)).")
        }
    }

    func text(_ name: String, limit: Int = 512) throws(Problem) -> String? {
        guard let value = self[name], value != .null else { return nil }
        guard let text = value.string, text.utf8.count <= limit else {
            throw .badRequest("\(name) must be a string of at most \(limit) bytes.")
        }
        return text.isEmpty ? nil : text
    }

    /// The name of a principal, an agent or a run as tokens may carry it. One that no token can carry names nobody.
    func claim(_ name: String) throws(Problem) -> String? {
        guard let text = try text(name, limit: ClaimedIdentity.longest) else { return nil }
        guard ClaimedIdentity.canBeClaimed(text) else {
            throw .badRequest("\(name) holds characters that do not print; no token with them is accepted.")
        }
        return text
    }

    func requiredText(_ name: String) throws(Problem) -> String {
        guard let text = try text(name) else { throw .badRequest("The body needs the member \(name).") }
        return text
    }
}
