import NIOCore
import NIOTLS
import SessionKernel

/// The client's end of a session: turns channel events into inputs and nothing else.
final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let shell: SessionShell
    private let signInSeconds: Int
    private var hasStarted = false

    init(shell: SessionShell, signInSeconds: Int) {
        self.shell = shell
        self.signInSeconds = signInSeconds
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start() }
    }

    func channelActive(context: ChannelHandlerContext) {
        start()
    }

    private func start() {
        guard !hasStarted else { return }
        hasStarted = true
        shell.input { $0.started(signInSeconds: signInSeconds) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        shell.readBegan()
        let bytes = unwrapInboundIn(data)
        shell.input { $0.clientBytes(bytes) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        shell.readEnded()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        shell.input { $0.clientWritable(isWritable) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            shell.input { $0.clientTLSEstablished() }
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        shell.input { $0.clientClosed() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A TLS failure or a reset: the session is over either way; channelInactive follows.
        context.close(promise: nil)
    }
}

/// The target's end of a session.
final class TargetHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let shell: SessionShell

    init(shell: SessionShell) {
        self.shell = shell
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        shell.readBegan()
        let bytes = unwrapInboundIn(data)
        shell.input { $0.targetBytes(bytes) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        shell.readEnded()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        shell.input { $0.targetWritable(isWritable) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            shell.targetTLSEstablished()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        shell.targetClosed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
