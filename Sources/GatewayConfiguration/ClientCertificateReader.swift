import CredentialVault
import Foundation
import GatewayCore
import Yams

/// Reads the client certificate of a target's credential: `certificate` with `key`.
struct ClientCertificateReader {
    static let keys: Set<String> = ["certificate", "key"]

    let context: ReadingContext

    /// Nil where there is none, and where something is wrong with it.
    func certificate(in section: Section) -> ClientCertificate? {
        guard let certificate = section["certificate"] else {
            section["key"]?.problem("a key belongs to a certificate", fix: "add certificate: {file: client.crt}")
            return nil
        }
        guard let key = section.required("key", "write key: {file: client.key}"),
            let certificateReference = reference(certificate), let keyReference = reference(key)
        else { return nil }
        let read = ClientCertificate(certificate: certificateReference, key: keyReference)
        guard context.checksSecrets else { return read }
        do throws(GatewayError) {
            _ = try read.identity(of: try read.read())
        } catch {
            let isKey = error.code == .credentialKey
            (isKey ? key : certificate).problem(
                String(error.message.dropLast(error.message.hasSuffix(".") ? 1 : 0)), fix: Self.fix(error))
        }
        if case .file(let path) = keyReference { warnOfReaders(of: path, key) }
        return read
    }

    /// A target that is spoken to in clear text is shown nothing.
    static func check(_ credential: CredentialConfiguration, _ target: TargetConfiguration, in value: Value?) {
        guard credential.certificate != nil, target.tls == .disable || target.tls == .prefer else { return }
        value?.problem(
            "a client certificate is shown over TLS only, and the target may be spoken to without",
            fix: "use a URL with https://, or tls: require or stricter")
    }

    /// `{file: path}`, `{env: NAME}`, or a path by itself.
    private func reference(_ value: Value) -> SecretReference? {
        guard value.node.scalar != nil else { return context.secret(value) }
        guard value.rawText?.contains("-----BEGIN") != true else {
            value.problem("the PEM text itself does not belong here", fix: "write {env: NAME} or {file: path}")
            return nil
        }
        guard let path = value.text().map(context.absolute) else { return nil }
        let reference = SecretReference.file(path)
        guard context.checksSecrets else { return reference }
        do throws(GatewayError) {
            _ = try reference.resolve()
            return reference
        } catch {
            value.problem(String(error.message.dropLast()), fix: "correct the path, or let the gateway's user read it")
            return nil
        }
    }

    private func warnOfReaders(of path: String, _ value: Value) {
        let mode = try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        guard let mode, mode & 0o004 != 0 else { return }
        value.log.warning(
            value.mark, value.path, "every user of this machine may read the key \(path)", fix: "chmod 600 \(path)")
    }

    private static func fix(_ error: GatewayError) -> String {
        switch error.code {
        case .credentialKey: "name the key that the certificate was made for, in PEM form and not encrypted"
        case .credentialCertificate: "name a certificate in PEM form that is valid now"
        default: "set it before the gateway starts"
        }
    }
}
