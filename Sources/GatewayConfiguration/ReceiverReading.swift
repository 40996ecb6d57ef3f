package import CredentialVault
import Foundation
import GatewayCore
import Yams

/// What all receivers of requests have in common.
package enum ReceiverReading {
    static func name(_ value: Value) -> String? {
        guard let name = value.text() else { return nil }
        let isPlain = name.utf8.allSatisfy { byte in
            byte &- 0x30 < 10 || byte &- 0x61 < 26 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        }
        guard isPlain, name.utf8.count <= 63 else {
            value.problem(
                "the name\(value.shown) cannot be used",
                fix: "write up to 63 lower-case letters, digits, dashes and underscores")
            return nil
        }
        return name
    }

    static func url(_ value: Value) -> String? {
        guard let text = value.text() else { return nil }
        guard isUsable(text) else {
            // Not shown: it may hold a token.
            value.problem(
                "an https URL without user and fragment is expected",
                fix: "write https://siem.example.com/path; http is for loopback only")
            return nil
        }
        return text
    }

    /// A URL that is itself a secret; nil when it is none.
    package static func url(of secret: Secret) -> String? {
        let text = secret.withBytes { bytes in String(validating: bytes.filter { $0 != 0x0A }, as: UTF8.self) }
        return text.flatMap { isUsable($0) ? $0 : nil }
    }

    /// https, or http on loopback; without user and fragment.
    static func isUsable(_ text: String) -> Bool {
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty, parts.fragment == nil,
            parts.user == nil, parts.password == nil
        else { return false }
        return parts.scheme == "https" || parts.scheme == "http" && Endpoint(host: host, port: 0).isLoopback
    }

    static func secrets(_ value: Value, _ context: ReadingContext) -> [SecretReference] {
        let values = value.node.sequence == nil ? [value] : value.list()
        return values.compactMap { one in
            guard let reference = context.secret(one) else { return nil }
            if context.checksSecrets, let secret = try? reference.resolve(), WebhookSecret.key(secret) == nil {
                one.problem(
                    "this is no secret after Standard Webhooks: whsec_ and 24 to 64 bytes in base64",
                    fix: "make one with: echo whsec_$(openssl rand -base64 32)")
            }
            return reference
        }
    }
}
