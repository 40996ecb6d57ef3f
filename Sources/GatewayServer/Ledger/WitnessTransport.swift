import AsyncHTTPClient
package import GatewayCore
import NIOCore
import NIOHTTP1
import NIOSSL

/// A witness's answer.
package struct WitnessAnswer: Hashable, Sendable {
    package var status: Int
    package var contentType: String
    package var body: [UInt8]

    package init(status: Int, contentType: String = "", body: [UInt8] = []) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }
}

/// Carries a request to a witness. Throws `witness.unreachable` when no whole answer came in time.
package protocol WitnessTransport: Sendable {
    func post(_ url: String, _ body: [UInt8]) async throws -> WitnessAnswer
    func shutdown() async
}

/// Over HTTP: no redirects, no decompression, a cap on the body and a limit on the whole time.
package final class HTTPWitnessTransport: WitnessTransport {
    /// Cosignature lines of a hundred keys.
    static let bodyLimit = 64 << 10
    /// Seconds for one exchange, connecting included.
    static let seconds: Int64 = 10

    private let client: HTTPClient

    /// `authority` is a PEM file with the authorities to trust; nil for the system's.
    package init(authority: String?) throws(GatewayError) {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.timeout = .init(connect: .seconds(Self.seconds), read: .seconds(Self.seconds))
        if let authority {
            do {
                var tls = NIOSSL.TLSConfiguration.makeClientConfiguration()
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
                configuration.tlsConfiguration = tls
            } catch {
                throw GatewayError(
                    .gatewayStart, "The authority \(authority) of a witness cannot be read.", cause: error)
            }
        }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    package func shutdown() async {
        try? await client.shutdown()
    }

    package func post(_ url: String, _ body: [UInt8]) async throws -> WitnessAnswer {
        let client = client
        return try await withThrowingTaskGroup(of: WitnessAnswer.self) { group in
            group.addTask { try await Self.exchange(url, body, client) }
            group.addTask {
                // The client's own limits begin anew with each part; this one also ends a body that drips.
                try await Task.sleep(for: .seconds(Self.seconds))
                throw GatewayError(.witnessUnreachable, "The witness did not answer within \(Self.seconds) s.")
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw CancellationError() }
            return answer
        }
    }

    private static func exchange(_ url: String, _ body: [UInt8], _ client: HTTPClient) async throws -> WitnessAnswer {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/octet-stream")
        request.body = .bytes(body)
        let response = try await client.execute(request, timeout: .seconds(seconds + 2))
        var bytes: [UInt8] = []
        for try await part in response.body {
            guard part.readableBytes <= bodyLimit - bytes.count else {
                throw GatewayError(.witnessUnreachable, "The witness's answer is longer than \(bodyLimit) bytes.")
            }
            bytes.append(contentsOf: part.readableBytesView)
        }
        return WitnessAnswer(
            status: Int(response.status.code), contentType: response.headers.first(name: "content-type") ?? "",
            body: bytes)
    }
}

extension GatewayError.Code {
    /// A witness gave no usable answer.
    package static let witnessUnreachable = Self("witness.unreachable")
    /// A witness answered that it takes nothing from this gateway.
    package static let witnessRefused = Self("witness.refused")
    /// A witness has cosigned what this log does not hold: it was taken back to an older state, or rewritten.
    package static let ledgerRewound = Self("ledger.rewound")
    /// No session is admitted until witnesses have signed.
    package static let ledgerUnwitnessed = Self("ledger.unwitnessed")
}
