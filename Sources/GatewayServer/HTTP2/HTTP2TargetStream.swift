import HTTPDialect
import NIOCore
import NIOHTTP2

/// The gateway's end of a stream to a target: to the session before it the stream is a connection that speaks HTTP/1.1
/// and ends with one answer.
final class HTTP2TargetStream: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = HTTP2Frame.FramePayload

    private var request: RequestStream
    private var answer: StreamedAnswer?

    init(isTLS: Bool) {
        request = RequestStream(isTLS: isTLS)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(MalformedHTTP) {
            guard let bytes = try bytes(of: unwrapInboundIn(data)), bytes.readableBytes > 0 else { return }
            context.fireChannelRead(wrapInboundOut(bytes))
        } catch {
            context.close(promise: nil)
        }
    }

    private func bytes(of payload: HTTP2Frame.FramePayload) throws(MalformedHTTP) -> ByteBuffer? {
        var answer = self.answer ?? StreamedAnswer(isHead: request.isHead)
        defer { self.answer = answer }
        switch payload {
        case .headers(let headers) where !answer.hasHead:
            return try answer.head([StreamField](headers.headers), isEnd: headers.endStream)
        case .headers(let headers): return try answer.trailers([StreamField](headers.headers))
        case .data(let data):
            guard case .byteBuffer(let buffer) = data.data else { return nil }
            return answer.data(buffer, isEnd: data.endStream)
        default: return nil
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        do throws(MalformedHTTP) {
            for part in try request.read(unwrapOutboundIn(data)) {
                context.write(wrapOutboundOut(HTTP2Frame.FramePayload(part)), promise: nil)
            }
            promise?.succeed(())
        } catch {
            promise?.fail(error)
            context.close(promise: nil)
        }
    }
}
