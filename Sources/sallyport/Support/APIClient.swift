import AsyncHTTPClient
import AuditConsole
import Foundation
import GatewayConfiguration
import GatewayCore
import Identity
import NIOCore
import NIOHTTP1

/// Calls a gateway's API.
struct APIClient {
    /// An answer is at most this long: a page of a recording with its rows.
    static let answerLimit = 256 << 20

    /// How it is told to people.
    let name: String
    private let base: String
    let token: String
    let client: HTTPClient

    /// Runs `body` with a client for the API at `base`. An https server must prove its name by a certificate that the
    /// system trusts.
    static func with<Result>(
        _ base: String, token: String, _ body: (APIClient) async throws -> Result
    ) async throws -> Result {
        guard let url = URL(string: base), let scheme = url.scheme, scheme == "https" || scheme == "http",
            url.host != nil
        else {
            throw CommandFailure.usage("--url must be like https://gateway.example.com:6090, not \(base).")
        }
        return try await with(name: base, base.hasSuffix("/") ? String(base.dropLast()) : base, token, body)
    }

    /// The same on the operator's socket of the gateway with this data folder: its folder proves who answers. Throws
    /// `Unreachable` before any token is made when there is none.
    static func local<Result>(
        _ data: String, token: () throws -> String, _ body: (APIClient) async throws -> Result
    ) async throws -> Result {
        let name = data + "/operator"
        let socket: OperatorSocket?
        do throws(GatewayError) {
            socket = try OperatorSocket(of: data)
        } catch {
            throw CommandFailure(error)
        }
        guard let socket else { throw Unreachable(base: name, cause: "no gateway has run here") }
        // Its address goes by its descriptor.
        defer { withExtendedLifetime(socket) {} }
        let place = socket.path.replacing("/", with: "%2F")
        return try await with(name: name, "http+unix://" + place, try token(), body)
    }

    private static func with<Result>(
        name: String, _ base: String, _ token: String, _ body: (APIClient) async throws -> Result
    ) async throws -> Result {
        var configuration = HTTPClient.Configuration()
        configuration.timeout = .init(connect: .seconds(5), read: .seconds(60))
        configuration.redirectConfiguration = .disallow
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let outcome: Swift.Result<Result, any Error>
        do {
            outcome = .success(try await body(APIClient(name: name, base: base, token: token, client: client)))
        } catch {
            outcome = .failure(error)
        }
        try? await client.shutdown()
        return try outcome.get()
    }

    func get<Value: Decodable>(_ path: String, _ query: [(String, String?)] = [], as type: Value.Type) async throws
        -> Value
    {
        try decode(try await send("GET", path + Self.text(query)), as: type)
    }

    func post<Value: Decodable>(_ path: String, _ members: [String: JSONValue], as type: Value.Type) async throws
        -> Value
    {
        try decode(try await send("POST", path, JSONValue.object(members)), as: type)
    }

    /// For what answers with no content.
    func post(_ path: String, _ members: [String: JSONValue]) async throws {
        _ = try await send("POST", path, JSONValue.object(members))
    }

    func delete(_ path: String) async throws {
        _ = try await send("DELETE", path)
    }

    /// Follows `next` until everything, or `most` items, are there.
    func all<Item: Codable & Sendable>(
        _ path: String, _ query: [(String, String?)], most: Int = .max, of type: Item.Type
    ) async throws -> [Item] {
        var items: [Item] = []
        var cursor: String?
        repeat {
            let page = try await get(path, query + [("cursor", cursor)], as: Page<Item>.self)
            items += page.items
            cursor = page.next
        } while cursor != nil && items.count < most
        return Array(items.prefix(most))
    }

    private func send(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> [UInt8] {
        var request = HTTPClientRequest(url: base + path)
        request.method = .init(rawValue: method)
        request.headers.add(name: "authorization", value: "Bearer " + token)
        request.headers.add(name: "user-agent", value: Version.text)
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body.text))
        }
        let response: HTTPClientResponse
        let bytes: [UInt8]
        do {
            response = try await client.execute(request, timeout: .seconds(120))
            bytes = Array(try await response.body.collect(upTo: Self.answerLimit).readableBytesView)
        } catch {
            throw Unreachable(base: name, cause: String(describing: error))
        }
        guard (200..<300).contains(response.status.code) else { throw Self.failure(Int(response.status.code), bytes) }
        return bytes
    }

    private func decode<Value: Decodable>(_ bytes: [UInt8], as type: Value.Type) throws -> Value {
        do {
            return try ConsoleJSON.decode(type, from: bytes)
        } catch {
            throw CommandFailure(
                "The answer of \(name) is not what this version reads; is a gateway there, and of this version?")
        }
    }

    private static func failure(_ status: Int, _ bytes: [UInt8]) -> CommandFailure {
        struct Body: Decodable {
            var detail: String?
        }
        let detail = (try? ConsoleJSON.decode(Body.self, from: bytes))?.detail
        return CommandFailure(
            (detail.map { Output.safe($0) } ?? "The gateway answered with status \(status).")
                + (detail == nil ? "" : " (\(status))"))
    }

    private static func text(_ query: [(String, String?)]) -> String {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._~")
        let parts = query.compactMap { name, value in
            value.map { name + "=" + ($0.addingPercentEncoding(withAllowedCharacters: allowed) ?? "") }
        }
        return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
    }
}

/// Nobody answers there.
struct Unreachable: Error {
    var base: String
    var cause: String

    var failure: CommandFailure {
        CommandFailure(
            "No gateway answers at \(base) (\(Output.safe(cause))). Is it running? Start it with: sallyport serve --config FILE"
        )
    }
}
