import Crypto
import GatewayCore

/// The client's half of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), with the server's signature
/// verified.
package struct ScramClient: Sendable {
    /// What is said about channel binding (RFC 5802 section 6).
    package enum Binding: Sendable, Equatable {
        /// No TLS, or a certificate whose hash is not known.
        case none
        /// This side could, but the server did not offer it: a server that did will notice the downgrade.
        case notOffered
        /// tls-server-end-point (RFC 5929 section 4).
        case endPoint([UInt8])
    }

    /// More iterations would hold up every session of the loop.
    package static let maximumIterations = 100_000

    private let binding: Binding
    private let nonce: String
    private var clientFirstBare: String { "n=,r=" + nonce }
    private var serverSignature: [UInt8]?

    package init(binding: Binding, nonce: String? = nil) {
        self.binding = binding
        self.nonce = nonce ?? Base64.encode((0..<18).map { _ in UInt8.random(in: .min ... .max) })
    }

    package var mechanism: String {
        if case .endPoint = binding { "SCRAM-SHA-256-PLUS" } else { "SCRAM-SHA-256" }
    }

    private var header: String {
        switch binding {
        case .none: "n,,"
        case .notOffered: "y,,"
        case .endPoint: "p=tls-server-end-point,,"
        }
    }

    /// PostgreSQL takes the user from the start-up message, so the name stays empty here.
    package var clientFirst: [UInt8] { Array((header + clientFirstBare).utf8) }

    /// Answers the server's first message.
    ///
    /// - Parameters:
    ///   - password: as typed; prepared here.
    ///   - name: for `n=` in tests of published vectors; PostgreSQL ignores it.
    package mutating func clientFinal(
        serverFirst: [UInt8], password: [UInt8], bare: String? = nil
    ) throws(MalformedMessage) -> [UInt8] {
        guard serverFirst.count <= 4096, let text = String(validating: serverFirst, as: UTF8.self) else {
            throw MalformedMessage("the server's SCRAM challenge is malformed")
        }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count >= 3, let combined = Self.value("r", parts[0]), let saltText = Self.value("s", parts[1]),
            let salt = Base64.decode(saltText), !salt.isEmpty,
            let count = Self.value("i", parts[2]).flatMap({ Int($0) })
        else { throw MalformedMessage("the server's SCRAM challenge is malformed") }
        guard combined.hasPrefix(nonce), combined.utf8.count > nonce.utf8.count else {
            throw MalformedMessage("the server's SCRAM challenge does not carry this side's nonce")
        }
        guard count >= 1, count <= Self.maximumIterations else {
            throw MalformedMessage(
                "the server asks for \(count) SCRAM iterations, at most \(Self.maximumIterations) are done")
        }
        var bound = Array(header.utf8)
        if case .endPoint(let hash) = binding { bound += hash }
        let withoutProof = "c=" + Base64.encode(bound) + ",r=" + combined
        let authMessage = Array(((bare ?? clientFirstBare) + "," + text + "," + withoutProof).utf8)

        let salted = Self.stretch(SASLprep.prepare(password), salt: salt, iterations: count)
        let clientKey = Self.code(Array("Client Key".utf8), key: salted)
        let storedKey = Array(SHA256.hash(data: clientKey))
        let signature = Self.code(authMessage, key: storedKey)
        serverSignature = Self.code(authMessage, key: Self.code(Array("Server Key".utf8), key: salted))
        let proof = zip(clientKey, signature).map { $0 ^ $1 }
        return Array((withoutProof + ",p=" + Base64.encode(proof)).utf8)
    }

    /// Verifies that the server knows the password too.
    package func verify(serverFinal: [UInt8]) throws(MalformedMessage) {
        guard let expected = serverSignature, serverFinal.count <= 4096,
            let text = String(validating: serverFinal, as: UTF8.self),
            let value = Self.value("v", text.prefix { $0 != "," }), let given = Base64.decode(value),
            ConstantTime.areEqual(given, expected)
        else { throw MalformedMessage("the server could not prove that it knows the password") }
    }

    private static func value(_ name: String, _ part: Substring) -> String? {
        part.hasPrefix(name + "=") ? String(part.dropFirst(2)) : nil
    }

    private static func code(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
    }

    /// Hi() of RFC 5802 section 2.2. The two half-finished hashes of the key are made once.
    private static func stretch(_ password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        var key = password.count > 64 ? Array(SHA256.hash(data: password)) : password
        key += repeatElement(0, count: 64 - key.count)
        defer { for index in key.indices { key[index] = 0 } }
        var inner = SHA256()
        inner.update(data: key.map { $0 ^ 0x36 })
        var outer = SHA256()
        outer.update(data: key.map { $0 ^ 0x5C })
        func round(_ message: [UInt8]) -> [UInt8] {
            var first = inner
            first.update(data: message)
            var second = outer
            first.finalize().withUnsafeBytes { second.update(bufferPointer: $0) }
            return Array(second.finalize())
        }
        var last = round(salt + [0, 0, 0, 1])
        var result = last
        for _ in 1..<max(iterations, 1) {
            last = round(last)
            for index in result.indices { result[index] ^= last[index] }
        }
        return result
    }
}

/// The part of SASLprep (RFC 4013) that needs no tables beyond a few: as PostgreSQL does, what cannot be prepared goes
/// as it is.
package enum SASLprep {
    /// Maps non-ASCII spaces to a space and drops what is "commonly mapped to nothing". Compatibility normalisation is
    /// left
    /// out: a password with such characters must be given in normal form.
    package static func prepare(_ password: [UInt8]) -> [UInt8] {
        guard password.contains(where: { $0 >= 0x80 }), let text = String(validating: password, as: UTF8.self) else {
            return password
        }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0xA0, 0x1680, 0x2000...0x200B, 0x202F, 0x205F, 0x3000: result.append(" ")
            case 0xAD, 0x34F, 0x1806, 0x180B...0x180D, 0x200C, 0x200D, 0x2060, 0xFE00...0xFE0F, 0xFEFF: break
            default: result.append(scalar)
            }
        }
        return Array(String(result).utf8)
    }
}

/// Base64 (RFC 4648 section 4) with padding, strict.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 1
            if count == 3 {
                for shift in [18, 12, 6, 0] as [UInt32] { output.append(alphabet[Int(bits >> shift & 63)]) }
                (bits, count) = (0, 0)
            }
        }
        if count > 0 {
            bits <<= UInt32(24 - count * 8)
            for index in 0..<4 {
                output.append(index <= count ? alphabet[Int(bits >> UInt32(18 - index * 6) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    package static func decode(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        guard bytes.count % 4 == 0 else { return nil }
        let padding = bytes.suffix(2).filter { $0 == UInt8(ascii: "=") }.count
        var output: [UInt8] = []
        var bits: UInt32 = 0
        for (index, byte) in bytes.enumerated() {
            var value: UInt32 = 0
            if index < bytes.count - padding {
                guard let place = alphabet.firstIndex(of: byte) else { return nil }
                value = UInt32(place)
            } else if byte != UInt8(ascii: "=") {
                return nil
            }
            bits = bits << 6 | value
            if index % 4 == 3 {
                // Bits that no byte uses must be zero: a value has one spelling.
                if index == bytes.count - 1, bits & (1 << UInt32(8 * padding) - 1) != 0 { return nil }
                for shift in [16, 8, 0] as [UInt32] { output.append(UInt8(truncatingIfNeeded: bits >> shift)) }
                bits = 0
            }
        }
        output.removeLast(min(padding, output.count))
        return output
    }
}
