package import GatewayCore

/// A recording's first 64 bytes, big-endian: magic (8), version (4), zeros (4), session (16), slot of the session's
/// wrapped key (8), zeros (20), checksum (4).
///
/// It is clear, and authenticated by what the chunks' keys are derived from.
package struct RecordingHeader: Equatable {
    package static let length = 64
    package static let magic: UInt64 = 0x5341_4C59_5245_4331  // "SALYREC1"
    package static let version: UInt32 = 1

    package var session: RecordID
    package var slot: UInt64

    package init(session: RecordID, slot: UInt64) {
        self.session = session
        self.slot = slot
    }

    /// Where a session's recording lies, by the last two digits of its name: the first ones tell the time and would put
    /// a month's sessions into one folder.
    package static func path(of session: RecordID) -> String {
        folder(of: session) + "/\(session).rec"
    }

    static func folder(of session: RecordID) -> String { "recordings/\(session.description.suffix(2))" }

    package func encode() -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(Self.length)
        withUnsafeBytes(of: Self.magic.bigEndian) { out += $0 }
        withUnsafeBytes(of: Self.version.bigEndian) { out += $0 }
        out += [0, 0, 0, 0]
        out += session.bytes
        withUnsafeBytes(of: slot.bigEndian) { out += $0 }
        out += [UInt8](repeating: 0, count: 20)
        let sum = out.withUnsafeBytes { Checksum.of($0) }
        withUnsafeBytes(of: sum.bigEndian) { out += $0 }
        return out
    }

    /// Nil when the bytes are no whole header of this version.
    package static func decode(_ bytes: [UInt8]) -> RecordingHeader? {
        guard bytes.count >= length else { return nil }
        let header: RecordingHeader? = bytes.withUnsafeBytes { bytes in
            let sum = Checksum.of(UnsafeRawBufferPointer(rebasing: bytes[0..<60]))
            guard UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 60, as: UInt32.self)) == sum else { return nil }
            return RecordingHeader(
                session: RecordID(bytes: UnsafeRawBufferPointer(rebasing: bytes[16..<32])),
                slot: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self)))
        }
        // What is written again is what was read: nothing hides in a zero.
        guard let header, header.encode() == Array(bytes.prefix(length)) else { return nil }
        return header
    }
}
