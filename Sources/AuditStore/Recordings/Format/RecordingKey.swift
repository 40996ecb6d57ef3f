import Crypto
import GatewayCore

/// Seals and opens the chunks of one recording after STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce is the
/// chunk's number and whether it is the last, so that a missing, moved or cut chunk does not open.
///
/// The log uses the session's key itself with its own counter, so chunks have keys derived from it. Each filing of a
/// segment has a salt of its own: a filing that is done again after a crash never seals other bytes under the same key
/// and nonce.
struct RecordingKey {
    private let sessionKey: SymmetricKey
    private let header: RecordingHeader
    private var known: (salt: [UInt8], key: SymmetricKey)?

    init(_ sessionKey: SymmetricKey, _ header: RecordingHeader) {
        self.sessionKey = sessionKey
        self.header = header
    }

    private mutating func key(_ salt: [UInt8]) -> SymmetricKey {
        if let known, known.salt == salt { return known.key }
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: sessionKey, salt: salt, info: Array("sallyport recording".utf8) + header.encode(),
            outputByteCount: 32)
        known = (salt, key)
        return key
    }

    private static func nonce(_ number: UInt32, isLast: Bool) throws -> AES.GCM.Nonce {
        var bytes = [UInt8](repeating: 0, count: 7)
        withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
        bytes.append(isLast ? 1 : 0)
        return try AES.GCM.Nonce(data: bytes)
    }

    /// Head, ciphertext and tag of chunk `number` with the frame `frame`.
    mutating func seal(_ frame: [UInt8], as chunk: RecordingChunk, number: UInt32) throws(GatewayError) -> [UInt8] {
        var chunk = chunk
        chunk.sealedLength = frame.count + SessionCipher.tagLength
        let head = chunk.encode()
        do {
            let box = try AES.GCM.seal(
                frame, using: key(Array(head[40..<56])), nonce: Self.nonce(number, isLast: chunk.isLast),
                authenticating: head)
            return head + box.ciphertext + box.tag
        } catch {
            throw GatewayError(.recordingFailed, "A chunk of a recording could not be sealed.", cause: error)
        }
    }

    /// The frame in `sealed`, or nil when it does not open as chunk `number` with this head.
    mutating func open(_ sealed: [UInt8], as chunk: RecordingChunk, number: UInt32) -> [UInt8]? {
        guard sealed.count == chunk.sealedLength, sealed.count >= SessionCipher.tagLength else { return nil }
        let head = chunk.encode()
        let key = key(Array(head[40..<56]))
        guard
            let box = try? AES.GCM.SealedBox(
                nonce: Self.nonce(number, isLast: chunk.isLast), ciphertext: sealed.dropLast(SessionCipher.tagLength),
                tag: sealed.suffix(SessionCipher.tagLength))
        else { return nil }
        return (try? AES.GCM.open(box, using: key, authenticating: head)).map { Array($0) }
    }
}
