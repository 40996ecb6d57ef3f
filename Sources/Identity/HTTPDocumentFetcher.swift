import AsyncHTTPClient
package import GatewayCore
import NIOCore
import NIOHTTP1
import NIOSSL

/// Fetches over HTTP: no redirects, no decompression, a cap on the body and a limit on the whole time.
package final class HTTPDocumentFetcher: DocumentFetcher, FormPoster {
    private let client: HTTPClient
    private let milliseconds: Int64

    /// - Parameters:
    ///   - timeout: in milliseconds; covers everything from connecting to the last byte.
    ///   - authority: a PEM file with the only authorities to trust; nil for the system's.
    package init(timeout milliseconds: Int64 = 5000, authority: String? = nil) {
        var configuration = HTTPClient.Configuration()
        if let authority {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(authority)
            configuration.tlsConfiguration = tls
        }
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        let backstop = Self.backstop(milliseconds)
        configuration.timeout = .init(connect: backstop, read: backstop)
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.milliseconds = milliseconds
    }

    /// The client's own limits come later, so that the one below is the one that ends a fetch, in its words.
    private static func backstop(_ milliseconds: Int64) -> TimeAmount {
        .milliseconds(milliseconds) + .seconds(2)
    }

    /// Closes its connections; must be called before the last reference goes.
    package func shutdown() async {
        try? await client.shutdown()
    }

    package func fetch(_ url: String, limit: Int) async throws(GatewayError) -> FetchedDocument {
        try await exchange(HTTPClientRequest(url: url), limit)
    }

    package func post(
        _ url: String, form: String, authorization: String, limit: Int
    ) async throws(GatewayError) -> [UInt8] {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.headers.add(name: "Authorization", value: authorization)
        request.body = .bytes(ByteBuffer(string: form))
        return try await exchange(request, limit).body
    }

    private func exchange(_ request: HTTPClientRequest, _ limit: Int) async throws(GatewayError) -> FetchedDocument {
        let client = client
        let milliseconds = milliseconds
        let url = request.url
        do {
            // The client's own deadline ends with the head on some paths; this one also ends a body that drips.
            return try await withThrowingTaskGroup(of: FetchedDocument.self) { group in
                group.addTask {
                    try await Self.run(request, limit: limit, client: client, timeout: Self.backstop(milliseconds))
                }
                group.addTask {
                    try await Task.sleep(for: .milliseconds(milliseconds))
                    throw GatewayError(
                        .issuerUnavailable, "The issuer did not answer within \(milliseconds) ms: \(url)")
                }
                defer { group.cancelAll() }
                guard let document = try await group.next() else { throw CancellationError() }
                return document
            }
        } catch let error as GatewayError {
            throw error
        } catch {
            throw GatewayError(.issuerUnavailable, "The issuer cannot be reached: \(url)", cause: error)
        }
    }

    private static func run(
        _ request: HTTPClientRequest, limit: Int, client: HTTPClient, timeout: TimeAmount
    ) async throws -> FetchedDocument {
        var request = request
        let url = request.url
        request.headers.add(name: "Accept", value: "application/json")
        // Fetches are minutes apart: a connection kept for the next would often be closed just as it is used.
        request.headers.add(name: "Connection", value: "close")
        let response = try await client.execute(request, timeout: timeout)
        guard response.status.code == 200 else {
            let code: GatewayError.Code =
                (300..<400).contains(response.status.code) ? .issuerInvalid : .issuerUnavailable
            throw GatewayError(code, "The issuer answered \(response.status.code) instead of 200: \(url)")
        }
        let tooLong = GatewayError(.issuerInvalid, "The issuer's document is longer than \(limit) bytes: \(url)")
        // What says itself that it is too long is not waited for.
        if let length = response.headers.first(name: "content-length").flatMap({ Int($0) }), length > limit {
            throw tooLong
        }
        var body: [UInt8] = []
        for try await part in response.body {
            guard part.readableBytes <= limit - body.count else { throw tooLong }
            body.append(contentsOf: part.readableBytesView)
        }
        let field = response.headers[canonicalForm: "cache-control"].joined(separator: ",")
        return FetchedDocument(body: body, maxAge: FetchedDocument.maxAge(cacheControl: field))
    }
}
