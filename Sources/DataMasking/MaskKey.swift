import Crypto
import GatewayCore

/// The key under which one connection's `hash` masks are made; kept with the connection's other secrets.
package struct MaskKey: Sendable {
    private let key: SymmetricKey

    /// - Parameter bytes: 32 random bytes; shorter keys weaken the hash and are for tests only.
    package init(bytes: [UInt8]) {
        key = SymmetricKey(data: bytes)
    }

    func appendHash(of value: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        var hash = StreamedHash(self)
        hash.update(value)
        hash.append(to: &output)
    }

    /// The hash of a value that comes in pieces.
    struct StreamedHash: Sendable {
        static let length = 16
        private var code: HMAC<SHA256>

        init(_ key: MaskKey) { code = HMAC<SHA256>(key: key.key) }

        mutating func update(_ piece: UnsafeRawBufferPointer) { code.update(data: piece) }

        func append(to output: inout [UInt8]) {
            for byte in code.finalize().prefix(Self.length / 2) {
                output.append(UInt8.hexDigit(byte >> 4))
                output.append(UInt8.hexDigit(byte & 0xF))
            }
        }
    }
}
