import HTTPContent
import NIOCore

/// A message of a WebSocket connection as the record holds it.
package struct RecordedMessage: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case text
        case binary
        case close
        case ping
        case pong
    }

    package var isFromClient: Bool
    package var kind: Kind
    /// Bytes of its content; of a compressed one as it passed where it cannot be read.
    package var size = 0
    /// The content, or its beginning: what is longer than the reader's limit is cut.
    package var content: [UInt8] = []
    /// It was compressed, and cannot be read.
    package var isUnreadable = false
    /// Its end did not come, or is not in the record.
    package var isUnfinished = false
    /// A close frame's code (RFC 6455 section 7.4).
    package var closeCode: Int?

    init(isFromClient: Bool, _ opcode: WebSocketOpcode) {
        self.isFromClient = isFromClient
        kind =
            switch opcode {
            case .text, .continuation: .text
            case .binary: .binary
            case .close: .close
            case .ping: .ping
            case .pong: .pong
            }
    }
}

/// Reads what both sides of a WebSocket connection said, for replay. The gateway wrote it, yet it may be cut short.
package enum RecordedWebSocket {
    package struct Piece: Sendable {
        package var isFromClient: Bool
        package var bytes: [UInt8]

        package init(isFromClient: Bool, bytes: [UInt8]) {
            self.isFromClient = isFromClient
            self.bytes = bytes
        }
    }

    /// Messages in the order of their ends, and whether these are all; nil when the answer does not begin with a switch to
    /// WebSocket.
    ///
    /// - Parameters:
    ///   - pieces: input and answer in the order of the record.
    ///   - limit: bytes of content shown of each message; of all together `mostShown`.
    package static func messages(
        _ pieces: [Piece], limit: Int
    ) -> (messages: [RecordedMessage], isWhole: Bool)? {
        var head: [UInt8] = []
        var messages = Messages()
        var sides: (client: Side, target: Side)?
        for piece in pieces {
            if sides != nil {
                if piece.isFromClient {
                    sides?.client.read(piece.bytes, into: &messages)
                } else {
                    sides?.target.read(piece.bytes, into: &messages)
                }
                continue
            }
            guard !piece.isFromClient else { continue }
            head += piece.bytes
            guard let (answer, length) = RecordedResponse.finalHead(head) else { continue }
            guard answer.status == 101 else { return nil }
            let deflate = answer.block.fields.first { answer.block.name($0).isWord("sec-websocket-extensions") }
                .flatMap { DeflateOffer(answer.block.value($0)) }
            var target = Side(isFromClient: false, deflate, limit)
            target.read(Array(head[length...]), into: &messages)
            sides = (Side(isFromClient: true, deflate, limit), target)
        }
        guard let sides else { return nil }
        for case let rest? in [sides.client.unfinished, sides.target.unfinished] { messages.append(rest) }
        return (messages.all, messages.isWhole)
    }

    /// What a record of few bytes may become: frames without content, and content that was compressed.
    package static let mostMessages = 20_000
    package static let mostShown = 16 << 20
    private static let mostInflated = 64 << 20

    private struct Messages {
        private(set) var all: [RecordedMessage] = []
        private(set) var isWhole = true
        private var shown = 0
        /// Bytes that may still be inflated, shown or not.
        var inflatable = mostInflated

        mutating func append(_ message: RecordedMessage) {
            guard all.count < mostMessages else {
                isWhole = false
                return
            }
            var message = message
            if message.content.count > mostShown - shown {
                message.content.removeLast(message.content.count - (mostShown - shown))
                isWhole = false
            }
            shown += message.content.count
            all.append(message)
        }
    }

    private struct Side {
        private let isFromClient: Bool
        private let limit: Int
        private var reader: WebSocketReader
        private let inflater: MessageInflater?
        private var input = ByteBuffer()
        private var message: RecordedMessage?
        /// Nil unless the message is compressed.
        private var compressed: [UInt8]?

        init(isFromClient: Bool, _ deflate: DeflateOffer?, _ limit: Int) {
            self.isFromClient = isFromClient
            self.limit = limit
            // The record has no masks.
            reader = WebSocketReader(.server, mayBeCompressed: deflate != nil)
            inflater = deflate.flatMap {
                MessageInflater(forgets: isFromClient ? $0.clientForgets : $0.serverForgets)
            }
        }

        var unfinished: RecordedMessage? {
            var message = message
            message?.isUnfinished = true
            message?.isUnreadable = compressed != nil
            return message
        }

        mutating func read(_ bytes: [UInt8], into messages: inout Messages) {
            input.writeBytes(bytes)
            // What the gateway let pass can be read; what was cut off it can not, and ends the reading.
            while let event = (try? reader.next(&input)) ?? nil { take(event, into: &messages) }
            input.keepRest()
        }

        private mutating func take(_ event: WebSocketReader.Event, into messages: inout Messages) {
            switch event {
            case .begin(let opcode, let isCompressed):
                message = RecordedMessage(isFromClient: isFromClient, opcode)
                compressed = isCompressed ? [] : nil
            case .frame: break
            case .content(let piece):
                message?.size += piece.readableBytes
                if compressed != nil {
                    compressed?.append(contentsOf: piece.readableBytesView)
                } else if let room = message.map({ limit - $0.content.count }), room > 0 {
                    message?.content.append(contentsOf: piece.readableBytesView.prefix(room))
                }
            case .end:
                if let compressed { inflate(compressed, &messages.inflatable) }
                if let message { messages.append(message) }
                (message, compressed) = (nil, nil)
            case .control(let opcode, var payload):
                var control = RecordedMessage(isFromClient: isFromClient, opcode)
                if opcode == .close { control.closeCode = payload.readInteger(as: UInt16.self).map(Int.init) }
                control.size = payload.readableBytes
                control.content = Array(payload.readableBytesView.prefix(limit))
                messages.append(control)
            }
        }

        private mutating func inflate(_ compressed: [UInt8], _ inflatable: inout Int) {
            let content = inflater?.message(compressed, most: inflatable)
            inflatable = max(0, inflatable - (inflater?.inflated ?? 0))
            guard let content else {
                message?.isUnreadable = true
                return
            }
            message?.size = content.count
            message?.content = Array(content.prefix(limit))
        }
    }
}
