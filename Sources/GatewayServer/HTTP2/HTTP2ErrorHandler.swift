import NIOCore
import NIOHTTP2

/// The last handler of a connection of HTTP/2: what is wrong with the connection ends it, what is wrong with one stream
/// has ended that stream already.
final class HTTP2ErrorHandler: ChannelInboundHandler {
    typealias InboundIn = Never

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !(error is NIOHTTP2Errors.StreamError) else { return }
        context.close(promise: nil)
    }
}
