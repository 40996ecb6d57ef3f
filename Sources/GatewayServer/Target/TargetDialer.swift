import GatewayConfiguration
import NIOCore
import NIOPosix

/// Connects to targets. Nothing is sent here but a cancel, which has a connection of its own.
enum TargetDialer {
    static func connect(
        _ connection: ConnectionConfiguration, on eventLoop: any EventLoop,
        initialize: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(10))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.writeBufferWaterMark, value: SocketTuning.waterMark)
            .channelOption(.recvAllocator, value: SocketTuning.readBuffer)
            .channelInitializer(initialize)
            .connect(host: connection.target.host, port: connection.target.port)
    }

    /// Sends `bytes` on a connection of its own; done when the target has closed it, or after a while.
    static func cancel(
        _ bytes: ByteBuffer, _ connection: ConnectionConfiguration, on eventLoop: any EventLoop
    ) -> EventLoopFuture<Void> {
        connect(connection, on: eventLoop) { $0.eventLoop.makeSucceededVoidFuture() }.flatMap { channel in
            let overdue = channel.eventLoop.scheduleTask(in: .seconds(3)) { channel.close(promise: nil) }
            channel.writeAndFlush(bytes, promise: nil)
            return channel.closeFuture.always { _ in overdue.cancel() }
        }
    }
}

/// One place for what sockets of both sides have in common.
enum SocketTuning {
    /// Bytes waiting in a channel at which writability turns.
    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 128 << 10, high: 512 << 10)
    /// Small for idle sessions, growing with bulk.
    static var readBuffer: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 4096, maximum: 256 << 10)
    }
}
