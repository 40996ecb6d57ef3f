import HTTPDialect
import NIOCore
import NIOHPACK
import NIOHTTP2

/// The gateway's end of a client's stream: to the session behind it the stream is a connection that speaks HTTP/1.1 and
/// carries one request.
final class HTTP2ClientStream: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = HTTP2Frame.FramePayload

    private var request = StreamedRequest()
    private var answer = AnswerStream()
    /// The answer's last frame, once it was handed on: who closes the stream waits for it.
    private var ended: EventLoopFuture<Void>?
    /// A stream for WebSocket was told its end.
    private var isEnding = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(MalformedHTTP) {
            let payload = unwrapInboundIn(data)
            if let bytes = try bytes(of: payload), bytes.readableBytes > 0 {
                context.fireChannelRead(wrapInboundOut(bytes))
            }
            // What is no request any more ends with the client's end of the stream.
            guard request.isForWebSocket, case .data(let last) = payload, last.endStream else { return }
            context.fireChannelReadComplete()
            close(context: context, mode: .all, promise: nil)
        } catch {
            context.writeAndFlush(wrapOutboundOut(.rstStream(.protocolError)), promise: nil)
            context.close(promise: nil)
        }
    }

    private func bytes(of payload: HTTP2Frame.FramePayload) throws(MalformedHTTP) -> ByteBuffer? {
        switch payload {
        case .headers(let headers) where !request.hasHead:
            let bytes = try request.head([StreamField](headers.headers), isEnd: headers.endStream)
            answer.begin(
                isHead: headers.headers.first(name: ":method") == "HEAD", mayUpgrade: request.isForWebSocket)
            return bytes
        case .headers(let headers): return try request.trailers([StreamField](headers.headers))
        case .data(let data):
            guard case .byteBuffer(let buffer) = data.data else { return nil }
            return request.data(buffer, isEnd: data.endStream)
        default: return nil
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        do throws(MalformedHTTP) {
            for part in try answer.read(unwrapOutboundIn(data)) {
                let done = part.isEnd ? context.eventLoop.makePromise(of: Void.self) : nil
                ended = done?.futureResult ?? ended
                context.write(wrapOutboundOut(HTTP2Frame.FramePayload(part)), promise: done)
            }
            guard let promise else { return }
            if let ended { ended.cascade(to: promise) } else { promise.succeed(()) }
        } catch {
            promise?.fail(error)
            context.close(promise: nil)
        }
    }

    /// The end of a WebSocket is the stream's; of anything else its last part tells.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard answer.isSwitched, !isEnding else { return context.close(mode: mode, promise: promise) }
        isEnding = true
        let done = context.eventLoop.makePromise(of: Void.self)
        done.futureResult.assumeIsolated().whenComplete { _ in context.close(mode: mode, promise: promise) }
        context.writeAndFlush(
            wrapOutboundOut(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true))), promise: done)
    }
}

extension HTTP2Frame.FramePayload {
    init(_ part: StreamPart) {
        switch part {
        case .fields(let fields, let isEnd): self = .headers(.init(headers: .init(fields), endStream: isEnd))
        case .data(let data, let isEnd): self = .data(.init(data: .byteBuffer(data), endStream: isEnd))
        }
    }
}
