package import HummingbirdCore
package import NIOCore
package import NIOHTTPTypes

/// How long a connection may keep the server.
package struct ConnectionLimits: Sendable {
    /// For the next request's head to be there, counted from the connection's beginning or the end of the last answer:
    /// however slowly its bytes come.
    package var head: TimeAmount = .seconds(60)
    /// From the head to the last byte of the answer.
    package var exchange: TimeAmount = .seconds(600)
    /// In which the client takes nothing of what is written.
    package var stall: TimeAmount = .seconds(30)

    package init() {}
}

/// Closes the connections of clients that would only hold the server: those that send no request, that do not read the
/// answer, and those past their address's share. The server's own idle timer runs between requests only.
///
/// Stands behind the HTTP codec. Confined to its channel's event loop.
package final class ConnectionWatch: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPRequestPart
    package typealias InboundOut = HTTPRequestPart
    package typealias OutboundIn = HTTPResponsePart
    package typealias OutboundOut = HTTPResponsePart

    private let limits: ConnectionLimits
    private let seats: AddressSeats
    private var client: AddressSeats.Client?
    private var isStarted = false
    /// Requests whose answer has not ended: more than one when the client sends ahead.
    private var open = 0
    private var deadline: Scheduled<Void>?
    private var stall: Scheduled<Void>?

    package init(_ limits: ConnectionLimits, _ seats: AddressSeats) {
        self.limits = limits
        self.seats = seats
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start(context) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        end()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data) {
            open += 1
            if open == 1 { arm(limits.exchange, context) }
        }
        context.fireChannelRead(data)
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) {
            open = max(0, open - 1)
            arm(open == 0 ? limits.head : limits.exchange, context)
        }
        context.write(data, promise: promise)
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        stall?.cancel()
        stall = context.channel.isWritable ? nil : close(context, in: limits.stall)
        context.fireChannelWritabilityChanged()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard !isStarted else { return }
        isStarted = true
        if let found = AddressSeats.Client(context.channel.remoteAddress) {
            guard seats.take(found) else { return context.close(promise: nil) }
            client = found
        }
        arm(limits.head, context)
    }

    private func end() {
        isStarted = true
        deadline?.cancel()
        stall?.cancel()
        if let client { seats.leave(client) }
        client = nil
    }

    private func arm(_ time: TimeAmount, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = close(context, in: time)
    }

    private func close(_ context: ChannelHandlerContext, in time: TimeAmount) -> Scheduled<Void> {
        let channel = context.channel
        return context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }
}

extension HTTPServerBuilder {
    /// HTTP/1.1 whose connections are watched. `seats` are shared by all connections of the server.
    package static func watched(_ limits: ConnectionLimits, _ seats: AddressSeats) -> HTTPServerBuilder {
        .http1(
            configuration: .init(
                additionalChannelHandlers: [ConnectionWatch(limits, seats)], idleTimeout: limits.head))
    }
}
