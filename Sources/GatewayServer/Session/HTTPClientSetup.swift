import HTTPDialect
import NIOCore
import NIOSSL
import NIOTLS
import SessionKernel

/// The first handler of a client's channel of HTTP: sees by the first bytes what the client speaks, sets the session up for
/// it and goes away. Over TLS the client chooses the version (ALPN, RFC 7301), in clear text it begins with HTTP/2 or not.
/// Clear text is taken on loopback only.
final class HTTPClientSetup: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// RFC 8446 section 5.1: what every TLS connection begins with.
    private static let handshake: UInt8 = 22

    private let services: GatewayServices
    private let terms: ListenerTerms
    private let ledger: LoopLedger
    /// Connections that have a host of their own, by its name in small letters.
    private let hosts: [String: String]
    private var patience: Scheduled<Void>?
    private var isSetUp = false
    /// The beginning of what may become the preface of HTTP/2.
    private var begun = ByteBuffer()

    init(services: GatewayServices, terms: ListenerTerms, ledger: LoopLedger, hosts: [String: String]) {
        self.services = services
        self.terms = terms
        self.ledger = ledger
        self.hosts = hosts
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        patience = context.eventLoop.scheduleTask(in: .seconds(Int64(terms.signInSeconds))) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        patience?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isSetUp else { return context.fireChannelRead(data) }
        begun.writeImmutableBuffer(unwrapInboundIn(data))
        guard let first = begun.readableBytesView.first else { return }
        let isTLS = first == Self.handshake && terms.tls != nil
        let common = zip(begun.readableBytesView, HTTP2Client.preface).prefix { $0 == $1 }.count
        guard common < begun.readableBytes || common == HTTP2Client.preface.count else { return }
        isSetUp = true
        do {
            let pipeline = context.pipeline.syncOperations
            if isTLS, let tls = terms.tls {
                try pipeline.addHandler(NIOSSLServerHandler(context: tls), position: .after(self))
                try pipeline.addHandler(negotiation(context.eventLoop, context.channel), position: .last)
            } else {
                if common == HTTP2Client.preface.count {
                    try HTTP2Client.addHandlers(
                        to: context.channel, seconds: terms.signInSeconds,
                        makeHandler: makeHandler(isTLS: false, isStream: true))
                } else {
                    try pipeline.addHandler(makeHandler(isTLS: false)(context.channel), position: .last)
                }
            }
        } catch {
            return context.close(promise: nil)
        }
        context.fireChannelRead(wrapInboundOut(begun))
        begun = ByteBuffer()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    /// Keeps what the client sends until its handshake has told the version.
    private func negotiation(_ loop: any EventLoop, _ channel: any Channel) -> ApplicationProtocolNegotiationHandler {
        let (makeHandler, makeStream) = (makeHandler(isTLS: true), makeHandler(isTLS: true, isStream: true))
        let seconds = terms.signInSeconds
        let overdue = loop.scheduleTask(in: .seconds(Int64(terms.signInSeconds))) { channel.close(promise: nil) }
        return ApplicationProtocolNegotiationHandler { result, channel in
            overdue.cancel()
            return channel.eventLoop.makeCompletedFuture {
                if case .negotiated("h2") = result {
                    try HTTP2Client.addHandlers(to: channel, seconds: seconds, makeHandler: makeStream)
                } else {
                    try channel.pipeline.syncOperations.addHandler(makeHandler(channel), position: .last)
                }
            }
        }
    }

    private func makeHandler(isTLS: Bool, isStream: Bool = false) -> @Sendable (any Channel) -> ClientHandler {
        let (services, ledger) = (self.services, self.ledger)
        var streamTerms = self.terms
        streamTerms.isStream = isStream
        let terms = streamTerms
        let settings = HTTPDialect.Settings(isTLS: isTLS, acceptsClearText: terms.acceptsClearText, hosts: hosts)
        return { channel in
            let makeShell = {
                let limits = SessionLimits()
                return SessionShell(
                    dialect: HTTPDialect(settings, limits: limits), client: channel, services: services,
                    listener: terms, loopLedger: ledger, limits: limits)
            }
            return ClientHandler(shell: makeShell(), signInSeconds: terms.signInSeconds, successor: makeShell)
        }
    }
}
