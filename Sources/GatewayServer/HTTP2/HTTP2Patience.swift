import NIOCore

/// Closes a client's connection of HTTP/2 on which a frame or a header was begun and not ended, or the gateway's settings
/// were never acknowledged (RFC 9113 section 6.5.3). Bodies have a pace of their own: part of a DATA frame owes nothing here.
final class HTTP2Patience: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private enum FrameType {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let settings: UInt8 = 4
        static let continuation: UInt8 = 9
    }

    private let patience: TimeAmount
    /// The client's preface, before the first frame (RFC 9113 section 3.4).
    private var preface = 24
    private var head: [UInt8] = []
    private var payload = 0
    private var isData = false
    /// HEADERS came without END_HEADERS.
    private var isInHeader = false
    private var hasAcknowledged = false
    /// Frames and headers that have ended: a later one has time of its own.
    private var ended: UInt64 = 0
    private var overdue: Scheduled<Void>?
    private var settings: Scheduled<Void>?

    init(seconds: Int) {
        patience = .seconds(Int64(seconds))
    }

    /// Something is owed that was begun.
    private var isOwed: Bool { preface > 0 || !head.isEmpty || payload > 0 && !isData || isInHeader }

    func handlerAdded(context: ChannelHandlerContext) {
        let (own, channel) = (NIOLoopBound(self, eventLoop: context.eventLoop), context.channel)
        settings = context.eventLoop.scheduleTask(in: patience) {
            if !own.value.hasAcknowledged { channel.close(promise: nil) }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        follow(unwrapInboundIn(data))
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !isOwed {
            overdue?.cancel()
            overdue = nil
        } else if overdue == nil {
            watch(context.channel)
        }
        context.fireChannelReadComplete()
    }

    private func watch(_ channel: any Channel) {
        let (own, at) = (NIOLoopBound(self, eventLoop: channel.eventLoop), ended)
        overdue = channel.eventLoop.scheduleTask(in: patience) {
            own.value.overdue = nil
            guard own.value.isOwed else { return }
            guard own.value.ended == at else { return own.value.watch(channel) }
            channel.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        overdue?.cancel()
        settings?.cancel()
        context.fireChannelInactive()
    }

    /// Only lengths, types and flags are looked at; what is wrong with frames the codec behind says.
    private func follow(_ bytes: ByteBuffer) {
        var rest = bytes.readableBytesView[...]
        while !rest.isEmpty {
            if preface > 0 {
                let taken = min(preface, rest.count)
                rest = rest.dropFirst(taken)
                preface -= taken
            } else if payload > 0 {
                let taken = min(payload, rest.count)
                rest = rest.dropFirst(taken)
                payload -= taken
                if payload == 0 { end() }
            } else {
                let taken = min(9 - head.count, rest.count)
                head += rest.prefix(taken)
                rest = rest.dropFirst(taken)
                if head.count == 9 { begin() }
            }
        }
    }

    private func begin() {
        payload = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
        let (type, flags) = (head[3], head[4])
        isData = type == FrameType.data
        if type == FrameType.headers || type == FrameType.continuation { isInHeader = flags & 0x4 == 0 }
        if type == FrameType.settings, flags & 0x1 != 0 { hasAcknowledged = true }
        head.removeAll(keepingCapacity: true)
        if payload == 0 { end() }
    }

    /// An unended header goes on from frame to frame, so its frames count for nothing by themselves.
    private func end() {
        if !isInHeader { ended &+= 1 }
    }
}
