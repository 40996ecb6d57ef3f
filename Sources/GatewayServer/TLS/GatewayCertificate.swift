import Crypto
package import Foundation
package import GatewayCore
package import NIOSSL
import SwiftASN1
import X509

/// The gateway's own certificate for `tls: auto`: self-signed, made once, kept under `data/tls`.
package enum GatewayCertificate {
    /// Loads `gateway.crt` and `gateway.key` of `folder`, making both when neither is there. Errors: `tls.certificate`.
    package static func loadOrMake(in folder: URL, names: [String]) throws(GatewayError) -> (certificate: URL, key: URL)
    {
        let certificate = folder.appendingPathComponent("gateway.crt")
        let key = folder.appendingPathComponent("gateway.key")
        let files = FileManager.default
        if files.fileExists(atPath: certificate.path), files.fileExists(atPath: key.path) { return (certificate, key) }
        do {
            try files.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let (certificatePEM, keyPEM) = try make(names: names)
            guard
                files.createFile(atPath: key.path, contents: Data(keyPEM.utf8), attributes: [.posixPermissions: 0o600])
            else {
                throw CocoaError(.fileWriteUnknown)
            }
            try Data(certificatePEM.utf8).write(to: certificate, options: .atomic)
            return (certificate, key)
        } catch {
            throw GatewayError(
                .tlsCertificate,
                "The gateway's certificate cannot be made in \(folder.path). Check that the folder can be written.",
                cause: error)
        }
    }

    private static func make(names: [String]) throws -> (certificate: String, key: String) {
        let key = P256.Signing.PrivateKey()
        let issuerKey = Certificate.PrivateKey(key)
        let name = try DistinguishedName { CommonName("Sallyport gateway") }
        let now = Date()
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: issuerKey.publicKey,
            notValidBefore: now.addingTimeInterval(-3600), notValidAfter: now.addingTimeInterval(10 * 365 * 86_400),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                SubjectAlternativeNames(
                    names.map { name in
                        let octets = name.split(separator: ".").compactMap { UInt8($0) }
                        return octets.count == 4
                            ? .ipAddress(ASN1OctetString(contentBytes: octets[...])) : .dnsName(name)
                    })
            },
            issuerPrivateKey: issuerKey)
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return (
            PEMDocument(type: "CERTIFICATE", derBytes: serializer.serializedBytes).pemString + "\n",
            key.pemRepresentation + "\n"
        )
    }

    /// A server context, TLS 1.2 and up. Errors: `tls.certificate`.
    package static func context(certificate: URL, key: URL) throws(GatewayError) -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate.path).map {
                NIOSSLCertificateSource.certificate($0)
            }
            let privateKey = NIOSSLPrivateKeySource.privateKey(try NIOSSLPrivateKey(file: key.path, format: .pem))
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: privateKey)
            configuration.minimumTLSVersion = .tlsv12
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw GatewayError(
                .tlsCertificate,
                "The certificate \(certificate.path) and its key cannot be used. Check that both are PEM and belong together.",
                cause: error)
        }
    }
}

extension GatewayError.Code {
    package static let tlsCertificate = GatewayError.Code("tls.certificate")
}
