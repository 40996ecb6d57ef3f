/// What a cosigner signs, and the form of its signature (C2SP tlog-cosignature, `cosignature/v1`).
enum Cosignature {
    static let maximumTime = UInt64(Int64.max)

    static func message(text: [UInt8], time: UInt64) -> [UInt8] {
        Array("cosignature/v1\ntime \(time)\n".utf8) + text
    }

    /// Eight bytes of time, big-endian, then the 64 of Ed25519.
    static func encode(time: UInt64, signature: some Sequence<UInt8>) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: time >> UInt64($0)) } + signature
    }

    static func parts(of signature: [UInt8]) -> (time: UInt64, signature: ArraySlice<UInt8>)? {
        guard signature.count == 8 + 64 else { return nil }
        let time = signature[..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return time <= maximumTime ? (time, signature[8...]) : nil
    }
}
