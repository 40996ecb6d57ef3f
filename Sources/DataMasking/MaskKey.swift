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
        var code = HMAC<SHA256>(key: key)
        code.update(data: value)
        for byte in code.finalize().prefix(8) {
            output.append(UInt8.hexDigit(byte >> 4))
            output.append(UInt8.hexDigit(byte & 0xF))
        }
    }
}
