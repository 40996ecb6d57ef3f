import NIOCore

/// Reads the recorded answer of one exchange, for replay. What it reads was written by the gateway, yet may be cut
/// short.
package struct RecordedAnswer: Equatable, Sendable {
    package struct Column: Equatable, Sendable {
        package var name: String
        package var type: UInt32
    }

    /// One result set, or one statement without rows.
    package struct Result: Equatable, Sendable {
        /// Empty when the client never asked for a description with this exchange.
        package var columns: [Column] = []
        /// Nil is NULL; what is no text is shown as `\x…`.
        package var rows: [[String?]] = []
        package var tag: String?
    }

    package var results: [Result] = []
    package var notices: [String] = []
    package var error: String?
    /// COPY data, as text or `\x…`.
    package var copyData: [String] = []
    /// Something was left out: a bound was reached, or the recording ends within a message.
    package var isTruncated = false

    package init() {}

    /// - Parameters:
    ///   - columns: a RowDescription recorded with the command, for an answer that brings none.
    ///   - rows: how many rows and lines of COPY data are kept, over all result sets.
    ///   - valueBytes: how much of one value is shown.
    package static func decode(
        _ bytes: [UInt8], columns: [UInt8] = [], rows: Int = 1000, valueBytes: Int = 4096
    ) -> RecordedAnswer {
        let isDescribed = bytes.first == BackendType.rowDescription
        return RecordingDecoder(rows: rows, valueBytes: valueBytes)
            .decode(ByteBuffer(bytes: isDescribed ? bytes : columns + bytes))
    }
}

private struct RecordingDecoder {
    let rows: Int
    let valueBytes: Int
    private var answer = RecordedAnswer()
    private var current = RecordedAnswer.Result()
    private var isOpen = false
    private var formats: [Int16] = []
    private var kept = 0

    init(rows: Int, valueBytes: Int) {
        self.rows = rows
        self.valueBytes = valueBytes
    }

    consuming func decode(_ bytes: ByteBuffer) -> RecordedAnswer {
        var walk = bytes
        while walk.readableBytes > 0 {
            guard let header = (try? MessageHeader(at: walk)) ?? nil, let message = walk.readSlice(length: header.total)
            else {
                answer.isTruncated = true
                break
            }
            take(header.type, message)
        }
        finish(nil)
        return answer
    }

    private mutating func take(_ type: UInt8, _ message: ByteBuffer) {
        switch type {
        case BackendType.rowDescription:
            guard let description = RowDescription(message) else { break }
            finish(nil)
            isOpen = true
            current.columns = description.columns.map { RecordedAnswer.Column(name: $0.name, type: $0.type) }
            formats = description.columns.map(\.format)
        case BackendType.dataRow:
            isOpen = true
            guard kept < rows else {
                answer.isTruncated = true
                break
            }
            kept += 1
            if let values = row(message) { current.rows.append(values) } else { answer.isTruncated = true }
        case BackendType.commandComplete:
            isOpen = true
            finish(CommandTag(message)?.text)
        case BackendType.copyData:
            guard kept < rows else {
                answer.isTruncated = true
                break
            }
            kept += 1
            var body = message
            body.moveReaderIndex(forwardBy: 5)
            answer.copyData.append(show(body, format: 0, type: 0))
        case BackendType.error:
            answer.error = ErrorFields(message).map(Self.words)
        case BackendType.notice:
            if answer.notices.count < 100, let fields = ErrorFields(message) {
                answer.notices.append(Self.words(fields))
            }
        default:
            break
        }
    }

    private mutating func finish(_ tag: String?) {
        guard isOpen else { return }
        current.tag = tag
        answer.results.append(current)
        current = RecordedAnswer.Result()
        formats = []
        isOpen = false
    }

    private func row(_ message: ByteBuffer) -> [String?]? {
        var body = message
        body.moveReaderIndex(forwardBy: 5)
        guard let count = body.readInteger(as: UInt16.self), body.readableBytes >= Int(count) * 4 else { return nil }
        var values: [String?] = []
        for index in 0..<Int(count) {
            guard let length = body.readInteger(as: Int32.self) else { return nil }
            if length == -1 {
                values.append(nil)
                continue
            }
            guard length >= 0, let value = body.readSlice(length: Int(length)) else { return nil }
            let format = formats.indices.contains(index) ? formats[index] : 0
            let type = current.columns.indices.contains(index) ? current.columns[index].type : 0
            values.append(show(value, format: format, type: type))
        }
        return values
    }

    private func show(_ value: ByteBuffer, format: Int16, type: UInt32) -> String {
        var value = value
        let isCut = value.readableBytes > valueBytes
        if isCut { value = value.getSlice(at: value.readerIndex, length: valueBytes) ?? value }
        let text: String
        switch RecordValue.decode(value, format: format, type: isCut && format == 1 ? TypeOID.text : type) {
        case .literal(let bytes), .text(let bytes): text = String(decoding: bytes, as: UTF8.self)
        case .binary(let bytes):
            text =
                "\\x"
                + String(decoding: bytes.flatMap { [hexadecimal($0 >> 4), hexadecimal($0 & 0xF)] }, as: UTF8.self)
        }
        return isCut ? text + "…" : text
    }

    private func hexadecimal(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }

    private static func words(_ fields: ErrorFields) -> String {
        let severity = fields.text(ErrorFields.Field.severity) ?? ""
        return (severity.isEmpty ? "" : severity + ": ") + (fields.message ?? "")
            + (fields.text(ErrorFields.Field.detail).map { "\nDETAIL: " + $0 } ?? "")
    }
}
