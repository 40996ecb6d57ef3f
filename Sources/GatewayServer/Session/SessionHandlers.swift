import NIOCore
import NIOTLS
import SessionKernel

/// The client's end of a session: turns channel events into inputs and nothing else.
final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var shell: SessionShell
    private let signInSeconds: Int
    private var hasStarted = false
    /// Makes the session that follows on the same channel.
    private let successor: (() -> SessionShell)?

    init(shell: SessionShell, signInSeconds: Int, successor: (() -> SessionShell)? = nil) {
        self.shell = shell
        self.signInSeconds = signInSeconds
        self.successor = successor
        shell.onHandOver = { [weak self] bytes in self?.handOver(bytes) ?? false }
    }

    /// The session is over and another one begins with these bytes; false when there is none to follow.
    private func handOver(_ bytes: ByteBuffer) -> Bool {
        guard let successor else { return false }
        shell = successor()
        shell.onHandOver = { [weak self] bytes in self?.handOver(bytes) ?? false }
        shell.input { $0.started(signInSeconds: signInSeconds) }
        shell.input { $0.clientBytes(bytes) }
        return true
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
        shell.pace.received &+= Int64(bytes.readableBytes)
        shell.input { $0.clientBytes(bytes) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        shell.readEnded()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        shell.pace.turns &+= 1
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
    /// Which of the session's connections to its target this is.
    private let number: UInt64

    init(shell: SessionShell, number: UInt64) {
        self.shell = shell
        self.number = number
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard shell.isTarget(number) else { return }
        shell.readBegan()
        let bytes = unwrapInboundIn(data)
        shell.input { $0.targetBytes(bytes) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        shell.readEnded()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        guard shell.isTarget(number) else { return }
        shell.input { $0.targetWritable(isWritable) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            if shell.isTarget(number) { shell.targetTLSEstablished() }
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if shell.isTarget(number) { shell.targetClosed() }
        // A channel that is closed by what was read has no end of its read.
        shell.readEnded()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if shell.isTarget(number) { shell.targetFailed(error) }
        context.close(promise: nil)
    }
}
