package import AuditLedger
import Crypto
import GatewayCore

/// Which way a chunk went.
package enum ChunkDirection: UInt8, Sendable {
    case answer = 1
    case input = 2
}

/// One item of content as sealed in the recording, with the salt of its commitment.
package struct SaltedContent: Sendable {
    package var kind: ContentItem.Kind
    package var salt: [UInt8]
    /// Of `answer` and `input`: what the chunks before did not hold yet.
    package var bytes: [UInt8]
}

/// A sealed payload: session (16), key slot (8), counter (8), exchange (8), direction (1), then AES-256-GCM ciphertext and
/// tag (16). The clear part is authenticated; the nonce is the counter, used once per session key.
///
/// The direction is a chunk's own; of an entry's content it is 0, or `carries` and the direction of the bytes that end
/// the exchange and lie in its `answer` or `input` item.
enum SealedRecord {
    static let clearLength = 41
    static let carries: UInt8 = 0x80

    struct Clear {
        var session: RecordID
        var slot: UInt64
        var counter: UInt64
        var exchange: UInt64
        var direction: UInt8

        /// Which of the exchange's bytes the record holds; nil when none.
        var chunkDirection: ChunkDirection? { ChunkDirection(rawValue: direction & ~carries) }

        func write(into out: inout [UInt8]) {
            for word in [session.high, session.low, slot, counter, exchange] {
                withUnsafeBytes(of: word.bigEndian) { out.append(contentsOf: $0) }
            }
            out.append(direction)
        }
    }

    private static func nonce(_ counter: UInt64) throws -> AES.GCM.Nonce {
        try withUnsafeBytes(of: (UInt32(0), counter.bigEndian)) { bytes in
            // The tuple is padded; take the counter from its own place.
            var nonce = [UInt8](repeating: 0, count: 4)
            nonce += UnsafeRawBufferPointer(rebasing: bytes[8..<16])
            return try AES.GCM.Nonce(data: nonce)
        }
    }

    static func clear(of payload: UnsafeRawBufferPointer) -> Clear? {
        guard payload.count >= clearLength + 16 else { return nil }
        func word(_ offset: Int) -> UInt64 {
            UInt64(bigEndian: payload.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        return Clear(
            session: RecordID(bytes: payload), slot: word(16), counter: word(24), exchange: word(32),
            direction: payload[40])
    }

    static func open(_ payload: [UInt8], key: SymmetricKey) throws(GatewayError) -> [UInt8] {
        guard let clear = payload.withUnsafeBytes({ clear(of: $0) }) else {
            throw GatewayError(.logCorrupt, "A sealed record is too short.")
        }
        do {
            let box = try AES.GCM.SealedBox(
                nonce: nonce(clear.counter), ciphertext: payload[clearLength..<payload.count - 16],
                tag: payload.suffix(16))
            return Array(try AES.GCM.open(box, using: key, authenticating: payload[0..<clearLength]))
        } catch {
            throw GatewayError(.logCorrupt, "A sealed record of session \(clear.session) does not open.", cause: error)
        }
    }

    /// Appends an item: length of the kind's name (1), name, salt (32), length (4), bytes.
    static func encode(_ kind: ContentItem.Kind, salt: [UInt8], _ bytes: [UInt8], into out: inout [UInt8]) {
        let name = kind.rawValue.utf8.prefix(255)
        out.append(UInt8(name.count))
        out.append(contentsOf: name)
        out.append(contentsOf: salt)
        withUnsafeBytes(of: UInt32(clamping: bytes.count).bigEndian) { out.append(contentsOf: $0) }
        out.append(contentsOf: bytes)
    }

    static func decode(_ plain: [UInt8]) throws(GatewayError) -> [SaltedContent] {
        var items: [SaltedContent] = []
        var rest = plain[...]
        func take(_ count: Int) throws(GatewayError) -> ArraySlice<UInt8> {
            guard rest.count >= count else { throw GatewayError(.logCorrupt, "Sealed content ends early.") }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        while !rest.isEmpty {
            let kind = String(decoding: try take(Int(try take(1).first ?? 0)), as: UTF8.self)
            let salt = Array(try take(Commitment.saltLength))
            let length = try take(4).reduce(0) { $0 << 8 | Int($1) }
            items.append(SaltedContent(kind: .init(rawValue: kind), salt: salt, bytes: Array(try take(length))))
        }
        return items
    }
}
