import Foundation
package import Hummingbird
import NIOCore

/// An error as RFC 9457 problem details (`application/problem+json`).
package struct Problem: Error, Sendable {
    package var status: HTTPResponse.Status
    /// A stable short word to switch on; also the end of `type`.
    package var code: String
    package var detail: String
    /// For 405: what the path takes.
    private var allow: [String] = []
    /// Seconds after which it may go better.
    package private(set) var retryAfter: Int?

    package init(_ status: HTTPResponse.Status, _ code: String, _ detail: String) {
        self.status = status
        self.code = code
        self.detail = detail
    }

    static let notFound = Problem(
        .notFound, "not_found", "There is nothing here; /api/openapi.json lists what there is.")
    /// For what does not exist and for what is not for the caller: the two look alike.
    static let noSession = Problem(.notFound, "not_found", "There is no such session, or it is not yours.")

    /// For a path that takes `methods` and no other; nil when it takes none.
    static func notAllowed(_ methods: [String]) -> Problem? {
        guard !methods.isEmpty else { return nil }
        let list = methods.joined(separator: ", ")
        var problem = Problem(.methodNotAllowed, "method_not_allowed", "This path takes \(list) only.")
        problem.allow = methods
        return problem
    }

    static func busy(_ detail: String) -> Problem {
        var problem = Problem(.serviceUnavailable, "busy", detail)
        problem.retryAfter = 1
        return problem
    }

    package static func badRequest(_ detail: String) -> Problem {
        Problem(.badRequest, "bad_request", detail)
    }

    static func forbidden(_ detail: String) -> Problem {
        Problem(.forbidden, "forbidden", detail)
    }

    struct Body: Codable {
        var type: String
        var title: String
        var status: Int
        var code: String
        var detail: String
    }

    var response: Response {
        let body = Body(
            type: "urn:sallyport:problem:" + code, title: status.reasonPhrase, status: status.code, code: code,
            detail: detail)
        var response = ConsoleJSON.response(body, status: status)
        response.headers[.contentType] = "application/problem+json"
        if !allow.isEmpty { response.headers[.allow] = allow.joined(separator: ", ") }
        if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer realm=\"sallyport\"" }
        return response
    }
}

/// The one way JSON is written and read here: snake case, sorted, slashes as they are.
package enum ConsoleJSON {
    package static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Our own views hold strings, whole numbers and booleans only, which always encode.
        return (try? encoder.encode(value)).map(Array.init) ?? Array("{}".utf8)
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(bytes))
    }

    static func response(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        response(bytes: encode(value), status: status)
    }

    static func response(bytes: [UInt8], status: HTTPResponse.Status = .ok, type: String = "application/json")
        -> Response
    {
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
