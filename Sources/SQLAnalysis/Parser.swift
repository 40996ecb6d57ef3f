import CPgQuery
import GatewayCore

/// The one place that knows libpg_query. Never call its `pg_query_exit`: it frees twice with the library's own thread destructor.
enum Parser {
    /// The parser's JSON answer; must be freed.
    struct Answer {
        fileprivate let result: PgQueryParseResult
        let json: UnsafeRawBufferPointer

        func free() { pg_query_free_parse_result(result) }
    }

    struct Refusal: Error {
        let reason: NotUnderstood
    }

    /// Parses a text without zero bytes, bounded by the caller in bytes, tokens and nesting.
    static func parse(_ text: UnsafeRawBufferPointer) -> Result<Answer, Refusal> {
        var terminated = [UInt8]()
        terminated.reserveCapacity(text.count + 1)
        terminated.append(contentsOf: text)
        terminated.append(0)
        let result = terminated.withUnsafeBytes { pg_query_parse($0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
        if let error = result.error {
            let message = error.pointee.message.map { String(cString: $0) } ?? "the text does not parse"
            let position = Int(error.pointee.cursorpos)
            pg_query_free_parse_result(result)
            return .failure(Refusal(reason: NotUnderstood(message: message, position: position > 0 ? position : nil)))
        }
        guard let tree = result.parse_tree else {
            pg_query_free_parse_result(result)
            return .failure(Refusal(reason: NotUnderstood(message: "the parser gave no answer")))
        }
        var length = 0
        while tree[length] != 0 { length += 1 }
        return .success(Answer(result: result, json: UnsafeRawBufferPointer(start: tree, count: length)))
    }
}

/// Whether bytes are UTF-8 as PostgreSQL takes it: no overlong forms, no surrogates, nothing past U+10FFFF.
enum UTF8Check {
    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x80 {
                index += 1
                continue
            }
            let length: Int
            var low: UInt8 = 0x80
            var high: UInt8 = 0xbf
            switch byte {
            case 0xc2...0xdf: length = 2
            case 0xe0: (length, low) = (3, 0xa0)
            case 0xed: (length, high) = (3, 0x9f)
            case 0xe1...0xef: length = 3
            case 0xf0: (length, low) = (4, 0x90)
            case 0xf4: (length, high) = (4, 0x8f)
            case 0xf1...0xf3: length = 4
            default: return false
            }
            guard index + length <= bytes.count, bytes[index + 1] >= low, bytes[index + 1] <= high else { return false }
            for offset in 2..<max(length, 2) where bytes[index + offset] & 0xc0 != 0x80 { return false }
            index += length
        }
        return true
    }
}
