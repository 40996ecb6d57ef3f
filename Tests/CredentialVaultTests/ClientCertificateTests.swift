import CredentialVault
import Crypto
import Foundation
import GatewayCore
import NIOSSL
import SwiftASN1
import Testing
import X509

/// What a client certificate and its key may be, and what is said of those that are not.
@Suite struct ClientCertificateTests {
    private let key = P256.Signing.PrivateKey()
    private static let day = 86_400.0

    /// A certificate in PEM form, valid between two days from now.
    private func certificate(from: Double = -1, to: Double = 1, of key: P256.Signing.PrivateKey? = nil) throws -> String
    {
        let signer = Certificate.PrivateKey(key ?? self.key)
        let name = try DistinguishedName { CommonName("gateway") }
        let made = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: signer.publicKey,
            notValidBefore: Date().addingTimeInterval(from * Self.day),
            notValidAfter: Date().addingTimeInterval(to * Self.day),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256, extensions: .init(),
            issuerPrivateKey: signer)
        return try made.serializeAsPEM().pemString + "\n"
    }

    private func identity(_ certificate: String, _ key: String) throws -> ClientCertificate.Identity {
        let read = ClientCertificate(
            certificate: .literal(Secret(text: certificate)), key: .literal(Secret(text: key)))
        return try read.identity(of: try read.read())
    }

    private func failure(_ certificate: String, _ key: String) -> GatewayError? {
        do {
            _ = try identity(certificate, key)
            return nil
        } catch {
            return error as? GatewayError
        }
    }

    @Test func aChainIsReadInItsOrder() throws {
        let other = try certificate(of: P256.Signing.PrivateKey())
        let read = try identity(try certificate() + other, key.pemRepresentation)
        #expect(read.chain.count == 2)
        #expect(abs(read.expires - Int(Date().timeIntervalSince1970 + Self.day)) < 60)
    }

    @Test func oneFileMayHoldBoth() throws {
        let both = try certificate() + key.pemRepresentation
        #expect(try identity(both, both).chain.count == 1)
    }

    @Test func whatIsWrongIsTold() throws {
        let (good, pem) = (try certificate(), key.pemRepresentation)
        let other = P256.Signing.PrivateKey().pemRepresentation
        let cases: [(String, String, GatewayError.Code, String)] = [
            (good, other, .credentialKey, "is not the one of"),
            ("text", pem, .credentialCertificate, "no certificate"),
            (pem, pem, .credentialCertificate, "no certificate"),
            (good, "text", .credentialKey, "no private key"),
            (good, good, .credentialKey, "no private key"),
            (
                good, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                .credentialKey,
                "is encrypted"
            ),
            (try certificate(from: -3, to: -1), pem, .credentialCertificate, "has expired on 20"),
            (try certificate(from: 1, to: 3), pem, .credentialCertificate, "valid only from 20"),
        ]
        for (certificate, key, code, words) in cases {
            let error = try #require(failure(certificate, key))
            #expect(error.code == code && error.message.contains(words), "\(error)")
            let material = key.split(separator: "\n").dropFirst().first.map(String.init) ?? "-----"
            #expect(!"\(error)".contains(material), "it shows the key")
        }
    }

    @Test func itIsReadAnewEachTime() throws {
        let path = NSTemporaryDirectory() + "client-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let reference = ClientCertificate(certificate: .file(path), key: .literal(Secret(text: key.pemRepresentation)))
        #expect(throws: GatewayError.self) { _ = try reference.read() }
        try certificate(to: 1).write(toFile: path, atomically: true, encoding: .utf8)
        let first = try reference.read()
        #expect(try reference.read() == first)
        try certificate(to: 2).write(toFile: path, atomically: true, encoding: .utf8)
        let second = try reference.read()
        #expect(!(second == first))
        #expect(try reference.identity(of: second).expires > reference.identity(of: first).expires)
    }
}
