import Crypto
import Foundation
import GatewayCore
import GatewayServer
import SwiftASN1
import Testing
import X509

@Suite struct GatewayCertificateTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID())")

    private func names(_ url: URL) throws -> Set<String> {
        let certificate = try Certificate(pemEncoded: String(contentsOf: url, encoding: .utf8))
        return Set(try #require(try certificate.extensions.subjectAlternativeNames).map { "\($0)" })
    }

    @Test func isMadeOnceForAllItsNames() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let all = GatewayCertificate.names(listeningOn: ["0.0.0.0", "10.1.2.3", "gateway.example.com", "::"])
        #expect(all.prefix(5) == ["localhost", "127.0.0.1", "::1", "10.1.2.3", "gateway.example.com"])
        let made = try GatewayCertificate.loadOrMake(in: folder, names: all)
        let first = try Data(contentsOf: made.certificate)
        #expect(try names(made.certificate).count == all.count)
        #expect(try names(made.certificate).contains { $0.contains("gateway.example.com") })
        let mode = try FileManager.default.attributesOfItem(atPath: made.key.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        _ = try GatewayCertificate.loadOrMake(in: folder, names: ["127.0.0.1", "gateway.example.com"])
        #expect(try Data(contentsOf: made.certificate) == first)
        _ = try GatewayCertificate.context(certificate: made.certificate, key: made.key)
    }

    @Test func aNewNameIsAddedUnderTheSameKey() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let made = try GatewayCertificate.loadOrMake(in: folder, names: ["localhost", "old.example.com"])
        let (key, old) = (try Data(contentsOf: made.key), try String(contentsOf: made.certificate, encoding: .utf8))
        _ = try GatewayCertificate.loadOrMake(in: folder, names: ["localhost", "new.example.com", "2001:db8::1"])
        #expect(try Data(contentsOf: made.key) == key)
        #expect(try names(made.certificate).count == 4)
        let renewed = try Certificate(pemEncoded: String(contentsOf: made.certificate, encoding: .utf8))
        // Who trusts the old one trusts the new one.
        #expect(try Certificate(pemEncoded: old).publicKey.isValidSignature(renewed.signature, for: renewed))
        _ = try GatewayCertificate.context(certificate: made.certificate, key: made.key)
    }

    @Test func anothersCertificateIsLeftAlone() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let made = try GatewayCertificate.loadOrMake(in: folder, names: ["localhost"])
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName("Somebody else") }
        let foreign = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: Date(),
            notValidAfter: Date().addingTimeInterval(86_400), issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: .init(), issuerPrivateKey: key)
        let text = try foreign.serializeAsPEM().pemString
        try Data(text.utf8).write(to: made.certificate)
        _ = try GatewayCertificate.loadOrMake(in: folder, names: ["gateway.example.com"])
        #expect(try String(contentsOf: made.certificate, encoding: .utf8) == text)
    }

    @Test func damageIsToldWithWhatToDo() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let made = try GatewayCertificate.loadOrMake(in: folder, names: ["localhost"])
        try Data("-----BEGIN".utf8).write(to: made.certificate)
        let error = #expect(throws: GatewayError.self) {
            try GatewayCertificate.loadOrMake(in: folder, names: ["localhost"])
        }
        #expect(error?.code == .tlsCertificate)
        #expect(error?.message.contains("remove gateway.crt") == true)
    }
}
