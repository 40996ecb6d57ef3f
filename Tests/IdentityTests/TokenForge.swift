import Crypto
import CryptoExtras
import Foundation
import GatewayCore
import Identity

/// Makes tokens and key sets, sound ones and bad ones, with one key per algorithm.
struct TokenForge: Sendable {
    static let issuer = "https://id.example.test/realm"
    static let now = Timestamp(microseconds: 1_800_000_000_000_000)
    static let seconds = 1_800_000_000

    static let shared = TokenForge()

    let rsa: _RSA.Signing.PrivateKey?
    let p256 = P256.Signing.PrivateKey()
    let p384 = P384.Signing.PrivateKey()
    let ed25519 = Curve25519.Signing.PrivateKey()

    init() {
        rsa = try? _RSA.Signing.PrivateKey(keySize: .bits2048)
    }

    static func claims(_ changes: String = "") -> String {
        var text =
            #"{"iss":"\#(issuer)","sub":"alice","aud":"sallyport","exp":\#(seconds + 600),"iat":\#(seconds),"groups":["dev","ops"]"#
        if !changes.isEmpty { text += "," + changes }
        return text + "}"
    }

    func jwk(_ algorithm: TokenAlgorithm, kid: String? = nil, extra: String = "") throws -> String {
        let key = kid.map { #""kid":"\#($0)","# } ?? ""
        func point(_ raw: Data, _ curve: String) -> String {
            let half = raw.count / 2
            let x = Base64URL.encode(raw.prefix(half))
            let y = Base64URL.encode(raw.suffix(half))
            return #"{\#(key)\#(extra)"kty":"EC","crv":"\#(curve)","x":"\#(x)","y":"\#(y)"}"#
        }
        switch algorithm {
        case .es256: return point(p256.publicKey.rawRepresentation, "P-256")
        case .es384: return point(p384.publicKey.rawRepresentation, "P-384")
        case .eddsa:
            return
                #"{\#(key)\#(extra)"kty":"OKP","crv":"Ed25519","x":"\#(Base64URL.encode(ed25519.publicKey.rawRepresentation))"}"#
        case .rs256, .ps256:
            guard let rsa else { throw CocoaError(.featureUnsupported) }
            let parts = try rsa.publicKey.getKeyPrimitives()
            return
                #"{\#(key)\#(extra)"kty":"RSA","n":"\#(Base64URL.encode(parts.modulus))","e":"\#(Base64URL.encode(parts.publicExponent))"}"#
        }
    }

    func keySet(_ kids: [(TokenAlgorithm, String?)]) throws -> [UInt8] {
        Array(#"{"keys":[\#(try kids.map { try jwk($0.0, kid: $0.1) }.joined(separator: ","))]}"#.utf8)
    }

    func token(
        _ algorithm: TokenAlgorithm = .es256, header: String? = nil, claims: String = claims(), kid: String? = "k"
    ) throws -> String {
        let head = header ?? #"{"alg":"\#(algorithm.rawValue)"\#(kid.map { #","kid":"\#($0)""# } ?? "")}"#
        let signed = Base64URL.encode(head.utf8) + "." + Base64URL.encode(claims.utf8)
        return signed + "." + Base64URL.encode(try sign(Array(signed.utf8), algorithm))
    }

    func sign(_ bytes: [UInt8], _ algorithm: TokenAlgorithm) throws -> [UInt8] {
        switch algorithm {
        case .es256: return Array(try p256.signature(for: SHA256.hash(data: bytes)).rawRepresentation)
        case .es384: return Array(try p384.signature(for: SHA384.hash(data: bytes)).rawRepresentation)
        case .eddsa: return Array(try ed25519.signature(for: bytes))
        case .rs256, .ps256:
            guard let rsa else { throw CocoaError(.featureUnsupported) }
            let padding: _RSA.Signing.Padding = algorithm == .rs256 ? .insecurePKCS1v1_5 : .PSS
            return Array(try rsa.signature(for: SHA256.hash(data: bytes), padding: padding).rawRepresentation)
        }
    }

    func verifier(
        _ kids: [(TokenAlgorithm, String?)] = [(.es256, "k")], now: Timestamp = now,
        change: (inout IssuerConfiguration) -> Void = { _ in }
    ) async throws -> TokenVerifier {
        var configuration = IssuerConfiguration(url: Self.issuer)
        change(&configuration)
        return TokenVerifier(issuers: [(configuration, try await KeySet(json: try keySet(kids)))], now: { now })
    }
}

func code(_ body: () async throws -> Void) async -> String {
    do {
        try await body()
        return "accepted"
    } catch let error as GatewayError {
        return error.code.description
    } catch {
        return "\(error)"
    }
}
