import CZstd
package import GatewayCore

/// One independent zstd frame (RFC 8878) of bounded size.
package enum ZstdFrame {
    /// The fastest level: recordings are written once, beside the sessions' own work.
    private static let level: Int32 = 1

    /// Errors: `recording_failed`, when the library has no room.
    package static func compress(_ plain: [UInt8]) throws(GatewayError) -> [UInt8] {
        let bound = ZSTD_compressBound(plain.count)
        var length = 0
        let frame = [UInt8](unsafeUninitializedCapacity: bound) { out, count in
            length = ZSTD_compress(out.baseAddress, bound, plain.isEmpty ? nil : plain, plain.count, level)
            count = ZSTD_isError(length) == 0 ? length : 0
        }
        guard ZSTD_isError(length) == 0 else {
            throw GatewayError(.recordingFailed, "A piece of a recording could not be compressed.")
        }
        return frame
    }

    /// Exactly `length` bytes, whatever the frame claims: memory is bounded by the caller. Nil when the frame is not
    /// whole, or holds another number of bytes.
    package static func decompress(_ frame: ArraySlice<UInt8>, length: Int) -> [UInt8]? {
        guard length >= 0, !frame.isEmpty else { return nil }
        return frame.withUnsafeBytes { frame -> [UInt8]? in
            // Several frames in a row would be accepted as one otherwise.
            guard ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count) == frame.count else { return nil }
            var got = 0
            let plain = [UInt8](unsafeUninitializedCapacity: length + 1) { out, count in
                got = ZSTD_decompress(out.baseAddress, length, frame.baseAddress, frame.count)
                count = got == length ? length : 0
            }
            return got == length ? plain : nil
        }
    }
}

extension GatewayError.Code {
    /// A recording that could not be written.
    package static let recordingFailed = GatewayError.Code("recording_failed")
    /// A recording that is not what was written.
    package static let recordingCorrupt = GatewayError.Code("recording_corrupt")
}
