import NIOCore

/// Finds the end of a message's head as its bytes come, looking at each once.
struct HeadScanner {
    private enum Step {
        case found(Int)
        case more
        case bareLF
    }

    /// Offsets from the reader index.
    private var scanned = 0
    private var lineStart = 0

    /// The head's length with its empty line, or nil while that has not come. Nothing may be read from the buffer meanwhile.
    mutating func end(of buffer: ByteBuffer, limit: Int, what: String) throws(MalformedHTTP) -> Int? {
        let step = buffer.withUnsafeReadableBytes { bytes -> Step in
            while scanned < bytes.count {
                guard let next = bytes[scanned...].firstIndex(of: 0x0A) else { break }
                guard next > lineStart, bytes[next - 1] == 0x0D else { return .bareLF }
                if next - lineStart == 1 { return .found(next + 1) }
                lineStart = next + 1
                scanned = lineStart
            }
            scanned = bytes.count
            return .more
        }
        switch step {
        case .bareLF: throw MalformedHTTP("a line ends with LF alone")
        case .found(let end):
            guard end <= limit else { throw MalformedHTTP("\(what) is longer than \(limit) bytes", status: 431) }
            self = HeadScanner()
            return end
        case .more:
            guard scanned <= limit else { throw MalformedHTTP("\(what) is longer than \(limit) bytes", status: 431) }
            return nil
        }
    }
}
