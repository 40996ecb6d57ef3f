package import GatewayCore

/// A JSON Web Token taken apart (RFC 7515 section 7.1) and read, before anything about it is known to be true.
package struct CompactToken: Sendable {
    /// Longest token read, in bytes.
    package static let sizeLimit = 65_536

    package let algorithm: TokenAlgorithm
    package let keyID: String?
    package let payload: JSONValue
    package let signature: [UInt8]
    /// The bytes that the signature covers.
    package let signed: [UInt8]

    /// Reads `text`; refuses unknown algorithms and dangerous header fields before any key is looked for.
    package init(_ text: String) throws(GatewayError) {
        let bytes = Array(text.utf8.prefix(Self.sizeLimit + 1))
        guard bytes.count <= Self.sizeLimit else {
            throw GatewayError(.tokenMalformed, "The token is longer than \(Self.sizeLimit) bytes.")
        }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else {
            throw GatewayError(.tokenMalformed, "The token is not three base64url parts joined by dots.")
        }
        let fields = try Self.header(header)
        guard let claims = JSONReader.read(payload), claims.object != nil else {
            throw GatewayError(.tokenMalformed, "The token's payload is not an acceptable JSON object.")
        }
        self.algorithm = fields.algorithm
        self.keyID = fields.keyID
        self.payload = claims
        self.signature = signature
        self.signed = Array(bytes[..<parts[1].endIndex])
    }

    private static func header(_ bytes: [UInt8]) throws(GatewayError) -> (algorithm: TokenAlgorithm, keyID: String?) {
        guard bytes.count <= 8192, let header = JSONReader.read(bytes)?.object else {
            throw GatewayError(.tokenMalformed, "The token's header is not an acceptable JSON object.")
        }
        guard let algorithm = header["alg"]?.string.flatMap(TokenAlgorithm.init(rawValue:)) else {
            let allowed = TokenAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
            throw GatewayError(.tokenAlgorithm, "The token's algorithm is not accepted; accepted are \(allowed).")
        }
        // `b64` and `zip` change what the signature or the payload means; the others bring their own key.
        for name in ["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"] where header[name] != nil {
            throw GatewayError(.tokenHeader, "The token's header has \"\(name)\", which is not accepted.")
        }
        if let type = header["typ"] {
            var name = type.string?.lowercased() ?? ""
            if name.hasPrefix("application/") { name.removeFirst("application/".count) }
            guard name == "jwt" || name == "at+jwt" else {
                throw GatewayError(.tokenHeader, "The token's type is not accepted; accepted are JWT and at+jwt.")
            }
        }
        guard let keyID = header["kid"] else { return (algorithm, nil) }
        guard let text = keyID.string, text.utf8.count <= 256 else {
            throw GatewayError(.tokenHeader, "The token's key id is not a string of at most 256 bytes.")
        }
        return (algorithm, text)
    }
}
