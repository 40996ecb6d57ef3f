import HTTPDialect
import NIOCore
import NIOSSL
import SessionKernel

/// The first handler of a client's channel of HTTP: sees by the first byte whether the client speaks TLS, sets the session
/// up for it and goes away. Clear text is taken on loopback only.
final class HTTPClientSetup: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// RFC 8446 section 5.1: what every TLS connection begins with.
    private static let handshake: UInt8 = 22

    private let services: GatewayServices
    private let terms: ListenerTerms
    private let ledger: LoopLedger
    private var patience: Scheduled<Void>?
    private var isSetUp = false

    init(services: GatewayServices, terms: ListenerTerms, ledger: LoopLedger) {
        self.services = services
        self.terms = terms
        self.ledger = ledger
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
        let bytes = unwrapInboundIn(data)
        guard !isSetUp, let first = bytes.readableBytesView.first else { return context.fireChannelRead(data) }
        isSetUp = true
        let isTLS = first == Self.handshake && terms.tls != nil
        do {
            let pipeline = context.pipeline.syncOperations
            if isTLS, let tls = terms.tls {
                try pipeline.addHandler(NIOSSLServerHandler(context: tls), position: .after(self))
            }
            try pipeline.addHandler(clientHandler(context.channel, isTLS: isTLS), position: .last)
        } catch {
            return context.close(promise: nil)
        }
        context.fireChannelRead(data)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func clientHandler(_ channel: any Channel, isTLS: Bool) -> ClientHandler {
        let (services, terms, ledger) = (self.services, self.terms, self.ledger)
        let makeShell = {
            let limits = SessionLimits()
            return SessionShell(
                dialect: HTTPDialect(
                    HTTPDialect.Settings(isTLS: isTLS, acceptsClearText: terms.acceptsClearText), limits: limits),
                client: channel, services: services, listener: terms, loopLedger: ledger, limits: limits)
        }
        return ClientHandler(shell: makeShell(), signInSeconds: terms.signInSeconds, successor: makeShell)
    }
}
