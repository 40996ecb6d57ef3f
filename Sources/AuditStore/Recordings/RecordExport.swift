import AuditLedger
import GRDB
package import GatewayCore

extension AuditArchive {
    /// Writes the record as JSON lines, one entry a line: the leaf's members, and in each item of `content` its salt
    /// (hexadecimal) and its bytes as `text` (UTF-8) or `base64`. Answers and inputs are always `base64`.
    ///
    /// One session's, or all: the sessions in the order of their first entries, the gateway's own among them. `write` gets
    /// the lines in pieces of bounded size.
    package func export(session: RecordID? = nil, _ write: ([UInt8]) throws -> Void) throws {
        if let session { return try export(all: session, write) }
        var last: Int64 = 0
        while true {
            let rows = try index.read { db in
                try Row.fetchAll(
                    db, sql: "SELECT sid, id FROM sessions WHERE sid > ? ORDER BY sid LIMIT 200", arguments: [last])
            }
            guard let end = rows.last else { return }
            last = end.value(0) ?? .max
            for session in rows.compactMap({ $0.value(1, as: String.self).flatMap { RecordID($0) } }) {
                try export(all: session, write)
            }
        }
    }

    private func export(all session: RecordID, _ write: ([UInt8]) throws -> Void) throws {
        try eachEntry(of: session) { try export($0, write) }
    }

    /// All entries of a session in their order, few at a time.
    package func eachEntry(of session: RecordID, _ body: (ArchivedEntry) throws -> Void) throws {
        var cursor = try EntryCursor(self, session, from: 0)
        while true {
            let page = try cursor.next(16)
            if page.isEmpty { return }
            for entry in page { try body(entry) }
        }
    }

    private func export(_ entry: ArchivedEntry, _ write: ([UInt8]) throws -> Void) throws {
        let leaf = try Leaf(entry.leaf)
        guard case .object(let members) = leaf.value else { return }
        var out = CanonicalWriter()
        for (place, member) in members.enumerated() {
            out.byte(UInt8(ascii: place == 0 ? "{" : ","))
            out.string(member.name)
            out.byte(UInt8(ascii: ":"))
            guard member.name == "content", let items = member.value.list else {
                out.value(member.value)
                continue
            }
            for (number, item) in items.enumerated() {
                out.byte(UInt8(ascii: number == 0 ? "[" : ","))
                try export(
                    item, number < entry.content.count ? entry.content[number] : nil, of: leaf,
                    isErased: entry.isErased, &out, write)
            }
            out.byte(UInt8(ascii: "]"))
        }
        out.literal("}\n")
        try write(out.bytes)
    }

    private func export(
        _ item: LeafValue, _ content: SaltedContent?, of leaf: Leaf, isErased: Bool, _ out: inout CanonicalWriter,
        _ write: ([UInt8]) throws -> Void
    ) throws {
        out.value(item)
        // Goes on inside the object.
        out.bytes.removeLast()
        if isErased { out.literal(",\"erased\":1") }
        if let content {
            out.literal(",\"salt\":\"")
            out.hex(content.salt)
            out.byte(UInt8(ascii: "\""))
            if content.kind == .answer || content.kind == .input, let session = leaf.session {
                out.literal(",\"base64\":\"")
                var encoder = Base64Stream()
                try chunks(of: session, exchange: leaf.exchange ?? 0, content.kind == .answer ? .answer : .input) {
                    chunk in
                    encoder.add(chunk, to: &out.bytes)
                    try write(out.bytes)
                    out.bytes.removeAll(keepingCapacity: true)
                    return true
                }
                encoder.finish(to: &out.bytes)
                out.byte(UInt8(ascii: "\""))
            } else if let text = String(validating: content.bytes, as: UTF8.self) {
                out.literal(",\"text\":")
                out.string(text)
            } else {
                out.literal(",\"base64\":\"")
                var encoder = Base64Stream()
                encoder.add(content.bytes, to: &out.bytes)
                encoder.finish(to: &out.bytes)
                out.byte(UInt8(ascii: "\""))
            }
        }
        out.byte(UInt8(ascii: "}"))
    }
}

/// Base64 (RFC 4648 section 4, with padding) of bytes that come in pieces.
struct Base64Stream {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private var rest: [UInt8] = []

    mutating func add(_ bytes: [UInt8], to out: inout [UInt8]) {
        let all = rest + bytes
        let whole = all.count - all.count % 3
        out.reserveCapacity(out.count + whole / 3 * 4)
        for index in stride(from: 0, to: whole, by: 3) { Self.put(all[index], all[index + 1], all[index + 2], &out) }
        rest = Array(all[whole...])
    }

    mutating func finish(to out: inout [UInt8]) {
        guard !rest.isEmpty else { return }
        let missing = 3 - rest.count
        Self.put(rest[0], rest.count > 1 ? rest[1] : 0, 0, &out)
        out.removeLast(missing)
        out.append(contentsOf: repeatElement(UInt8(ascii: "="), count: missing))
        rest = []
    }

    private static func put(_ one: UInt8, _ two: UInt8, _ three: UInt8, _ out: inout [UInt8]) {
        out.append(alphabet[Int(one >> 2)])
        out.append(alphabet[Int((one & 3) << 4 | two >> 4)])
        out.append(alphabet[Int((two & 15) << 2 | three >> 6)])
        out.append(alphabet[Int(three & 63)])
    }
}
