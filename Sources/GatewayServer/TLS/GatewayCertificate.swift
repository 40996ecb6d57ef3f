import Crypto
package import Foundation
package import GatewayCore
import Glibc
package import NIOSSL
import SwiftASN1
import X509

/// The gateway's own certificate for `tls: auto`: self-signed, made once, kept under `data/tls`.
package enum GatewayCertificate {
    /// What clients may call the gateway: `hosts` as listened on, and the names of this machine.
    package static func names(listeningOn hosts: [String]) -> [String] {
        var names = ["localhost", "127.0.0.1", "::1"]
        // A wildcard is nobody's name: what is reached by it is this machine.
        let wildcards = ["0.0.0.0", "::", ""]
        for name in hosts + [ProcessInfo.processInfo.hostName]
        where !wildcards.contains(name) && !names.contains(name) { names.append(name) }
        return names
    }

    /// Loads `gateway.crt` and `gateway.key` of `folder`, making what is not there. A certificate that lacks one of
    /// `names`, or ends within 30 days, is made again under the same key, so that clients which trust the old one trust
    /// the new. Errors: `tls.certificate`.
    package static func loadOrMake(in folder: URL, names: [String]) throws(GatewayError) -> (certificate: URL, key: URL)
    {
        let certificate = folder.appendingPathComponent("gateway.crt")
        let key = folder.appendingPathComponent("gateway.key")
        do {
            let files = FileManager.default
            try files.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let privateKey: P256.Signing.PrivateKey
            if files.fileExists(atPath: key.path) {
                privateKey = try .init(pemRepresentation: String(contentsOf: key, encoding: .utf8))
            } else {
                privateKey = .init()
                let isMade = files.createFile(
                    atPath: key.path, contents: Data((privateKey.pemRepresentation + "\n").utf8),
                    attributes: [.posixPermissions: 0o600])
                guard isMade else { throw CocoaError(.fileWriteUnknown) }
            }
            var wanted = names.compactMap(Self.alternative)
            if files.fileExists(atPath: certificate.path) {
                let old = try Certificate(pemEncoded: String(contentsOf: certificate, encoding: .utf8))
                // Somebody put another in its place.
                guard try old.subject == subject(), old.issuer == old.subject else { return (certificate, key) }
                let known = try old.extensions.subjectAlternativeNames.map(Array.init) ?? []
                let isFresh = old.notValidAfter > Date().addingTimeInterval(30 * 86_400)
                if isFresh, wanted.allSatisfy(known.contains) { return (certificate, key) }
                // Names that clients use by now stay valid.
                wanted = known + wanted.filter { !known.contains($0) }
            }
            try Data(make(wanted, privateKey).utf8).write(to: certificate, options: .atomic)
            return (certificate, key)
        } catch {
            throw GatewayError(
                .tlsCertificate,
                "The gateway's certificate in \(folder.path) can be neither read nor made. Check that the folder can be written, or remove gateway.crt and gateway.key there: both are made anew.",
                cause: error)
        }
    }

    /// An address or a name as a certificate tells it; nil for what is neither.
    private static func alternative(_ name: String) -> GeneralName? {
        var four = in_addr()
        if inet_pton(AF_INET, name, &four) == 1 { return address(&four) }
        var six = in6_addr()
        if inet_pton(AF_INET6, name, &six) == 1 { return address(&six) }
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        return .dnsName(name)
    }

    private static func address<Address>(_ address: inout Address) -> GeneralName {
        withUnsafeBytes(of: &address) { .ipAddress(ASN1OctetString(contentBytes: Array($0)[...])) }
    }

    private static func subject() throws -> DistinguishedName {
        try DistinguishedName { CommonName("Sallyport gateway") }
    }

    private static func make(_ names: [GeneralName], _ key: P256.Signing.PrivateKey) throws -> String {
        let issuerKey = Certificate.PrivateKey(key)
        let name = try subject()
        let now = Date()
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: issuerKey.publicKey,
            notValidBefore: now.addingTimeInterval(-3600), notValidAfter: now.addingTimeInterval(10 * 365 * 86_400),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                SubjectAlternativeNames(names)
            },
            issuerPrivateKey: issuerKey)
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return PEMDocument(type: "CERTIFICATE", derBytes: serializer.serializedBytes).pemString + "\n"
    }

    /// A server context, TLS 1.2 and up. Errors: `tls.certificate`.
    /// - Parameter protocols: that clients may choose from (ALPN, RFC 7301), the best first.
    package static func context(
        certificate: URL, key: URL, protocols: [String] = []
    ) throws(GatewayError) -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate.path).map {
                NIOSSLCertificateSource.certificate($0)
            }
            let privateKey = NIOSSLPrivateKeySource.privateKey(try NIOSSLPrivateKey(file: key.path, format: .pem))
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: privateKey)
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = protocols
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
