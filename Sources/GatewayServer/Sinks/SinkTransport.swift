import AsyncHTTPClient
package import GatewayCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// What a receiver answered.
package struct SinkAnswer: Sendable, Hashable {
    package var status: Int
    package var retryAfter: String?

    package init(status: Int, retryAfter: String? = nil) {
        self.status = status
        self.retryAfter = retryAfter
    }
}

/// Carries a request to a receiver. Throws `SinkFailure` when no answer came in time.
package protocol SinkTransport: Sendable {
    func post(_ url: String, headers: [(name: String, value: String)], _ body: [UInt8]) async throws -> SinkAnswer
    func shutdown() async
}

/// Over HTTP: no redirects, a limit on the whole time; of the answer's body only as much is read as lets the connection be
/// used again.
package final class HTTPSinkTransport: SinkTransport {
    private static let bodyLimit = 64 << 10

    private let client: HTTPClient
    private let seconds: Int64

    /// `authority` is a PEM file with the authorities to trust; nil for the system's. Certificates and names are always checked.
    package init(authority: String?, seconds: Int) throws(GatewayError) {
        self.seconds = Int64(seconds)
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.timeout = .init(connect: .seconds(min(self.seconds, 10)), read: .seconds(self.seconds))
        configuration.connectionPool = .init(idleTimeout: .seconds(30))
        // A receiver that is not there is told as that at once; the sink itself tries again.
        configuration.connectionPool.retryConnectionEstablishment = false
        if let authority {
            do {
                var tls = NIOSSL.TLSConfiguration.makeClientConfiguration()
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
                configuration.tlsConfiguration = tls
            } catch {
                throw GatewayError(.gatewayStart, "The authority \(authority) of a sink cannot be read.", cause: error)
            }
        }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    package func shutdown() async {
        try? await client.shutdown()
    }

    package func post(
        _ url: String, headers: [(name: String, value: String)], _ body: [UInt8]
    ) async throws -> SinkAnswer {
        let (client, seconds) = (self.client, self.seconds)
        return try await withThrowingTaskGroup(of: SinkAnswer.self) { group in
            group.addTask {
                do {
                    return try await Self.exchange(url, headers, body, client, seconds)
                } catch {
                    throw Self.failure(error, seconds)
                }
            }
            group.addTask {
                // The client's own limits begin anew with each part; this one also ends an answer that drips.
                try await Task.sleep(for: .seconds(seconds))
                throw SinkFailure("no answer within \(seconds) s")
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw CancellationError() }
            return answer
        }
    }

    private static func exchange(
        _ url: String, _ headers: [(name: String, value: String)], _ body: [UInt8], _ client: HTTPClient,
        _ seconds: Int64
    ) async throws -> SinkAnswer {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        request.body = .bytes(body)
        let response = try await client.execute(request, timeout: .seconds(seconds + 2))
        let answer = SinkAnswer(
            status: Int(response.status.code), retryAfter: response.headers.first(name: "retry-after"))
        var count = 0
        // The status alone decides. A body that breaks off or is too long costs the connection, nothing else.
        do {
            for try await part in response.body {
                count += part.readableBytes
                if count > bodyLimit { break }
            }
        } catch {}
        return answer
    }

    /// The library's errors by a name of ours: their text might repeat what was sent.
    private static func failure(_ error: any Error, _ seconds: Int64) -> any Error {
        switch error {
        case is CancellationError: error
        case let error as HTTPClientError
        where [.connectTimeout, .readTimeout, .deadlineExceeded].contains(error):
            SinkFailure("no answer within \(seconds) s")
        case let error as HTTPClientError where error == .cancelled: CancellationError()
        case let error as NIOSSLError: SinkFailure("TLS failed: \(error)")
        case let error as BoringSSLError: SinkFailure("TLS failed: \(error)")
        case is NIOSSLExtraError: SinkFailure("the certificate is not valid for this name")
        case let error as NIOConnectionError:
            SinkFailure("cannot connect: \(error.connectionErrors.first.map { "\($0.error)" } ?? "no address")")
        case let error as HTTPClientError: SinkFailure("\(error.shortDescription)")
        case let error as IOError: SinkFailure("the connection broke: \(error)")
        default: SinkFailure("the request failed (\(type(of: error)))")
        }
    }
}
