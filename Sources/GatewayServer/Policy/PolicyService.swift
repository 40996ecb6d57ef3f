import AccessPolicy
import AsyncHTTPClient
import Foundation
import GatewayCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import SessionKernel
import Synchronization

/// Asks policy services (Open Policy Agent's REST data API) over connections that are kept. Every question is answered, by
/// its deadline at the latest; what fails is a block that says why.
final class PolicyService: Sendable {
    private let client: HTTPClient
    private let logger: Logger
    /// URLs that gave no verdict last, so that the log tells of each change once.
    private let failing = Mutex<Set<String>>([])

    init(group: any EventLoopGroup, logger: Logger) {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.httpVersion = .http1Only
        configuration.connectionPool = .init(idleTimeout: .seconds(60))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
        self.logger = logger
    }

    func shutdown() async { try? await client.shutdown() }

    /// - Parameter done: called once, on `loop`.
    func ask(
        _ policy: ExternalPolicy, _ input: PolicyServiceInput, on loop: any EventLoop,
        done: @escaping @Sendable (ExternalVerdict) -> Void
    ) {
        let deadline = NIODeadline.now() + .milliseconds(Int64(policy.timeout))
        let answer: EventLoopFuture<HTTPClient.Response>
        do {
            var request = try HTTPClient.Request(url: policy.url, method: .POST)
            request.headers.add(name: "Content-Type", value: "application/json")
            request.headers.add(name: "Accept", value: "application/json")
            request.body = .byteBuffer(ByteBuffer(bytes: try input.encoded()))
            answer =
                client.execute(
                    request: request,
                    delegate: ResponseAccumulator(request: request, maxBodySize: PolicyServiceAnswer.limit),
                    eventLoop: .delegate(on: loop), deadline: deadline
                ).futureResult
        } catch {
            return done(PolicyServiceAnswer.failed("it cannot be asked"))
        }
        let (url, milliseconds) = (policy.url, policy.timeout)
        answer.hop(to: loop).whenComplete { [self] result in
            switch result {
            case .success(let response):
                let body = response.body.map { Array($0.readableBytesView) } ?? []
                let said = PolicyServiceAnswer.read(status: response.status.code, body)
                note(url, nil)
                done(said)
            case .failure(let error):
                let why = Self.words(error, milliseconds)
                note(url, why)
                done(PolicyServiceAnswer.failed(why))
            }
        }
    }

    private func note(_ url: String, _ why: String?) {
        let isNews = failing.withLock { why == nil ? $0.remove(url) != nil : $0.insert(url).inserted }
        guard isNews else { return }
        if let why {
            logger.warning(
                "a policy service gives no verdict, so its connections block everything",
                metadata: ["url": .string(url), "why": .string(why)])
        } else {
            logger.notice("a policy service answers again", metadata: ["url": .string(url)])
        }
    }

    /// By words of our own: the library's might repeat what was sent.
    private static func words(_ error: any Error, _ milliseconds: Int) -> String {
        switch error {
        case let error as HTTPClientError
        where [.connectTimeout, .readTimeout, .deadlineExceeded].contains(error):
            "it did not answer within \(milliseconds) ms"
        case is ResponseAccumulator.ResponseTooBigError: "its answer is too long"
        case is NIOConnectionError, is IOError: "it cannot be reached"
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: "TLS with it failed"
        case is HTTPParserError: "its answer is not HTTP"
        case let error as HTTPClientError: "\(error.shortDescription)"
        default: "the request failed (\(type(of: error)))"
        }
    }
}
