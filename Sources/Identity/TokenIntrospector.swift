import Crypto
import Foundation
package import GatewayCore

/// Asks one issuer whether a token still holds (RFC 7662, OAuth 2.0 Token Introspection).
///
/// Answers are kept for `interval`, so that the doors of the gateway and its watch over open sessions ask once together.
package actor TokenIntrospector {
    package struct Settings: Sendable {
        package var clientID: String
        /// Asked for with each question, so that nobody else holds it.
        package var secret: @Sendable () throws(GatewayError) -> [UInt8]
        /// Seconds for which an answer counts.
        package var interval: Int64 = 2
        /// Seconds for which sessions go on while the issuer cannot be asked.
        package var grace: Int64 = 60

        package init(clientID: String, secret: @escaping @Sendable () throws(GatewayError) -> [UInt8]) {
            self.clientID = clientID
            self.secret = secret
        }
    }

    private struct Answer {
        var isActive: Bool
        var until: Timestamp
    }

    private static let mostAnswers = 4096
    private static let answerLimit = 65_536

    package nonisolated let settings: Settings
    package nonisolated let issuer: String
    private let discovery: Discovery
    private let poster: any FormPoster
    private let now: @Sendable () -> Timestamp
    private var endpoint: String?
    private var answers: [SHA256Digest: Answer] = [:]

    package init(
        _ settings: Settings, discovery: Discovery, poster: any FormPoster,
        now: @escaping @Sendable () -> Timestamp = Timestamp.wall
    ) {
        self.settings = settings
        self.issuer = discovery.issuer
        self.discovery = discovery
        self.poster = poster
        self.now = now
    }

    /// Errors: `token.revoked`; `issuer.unavailable` or `issuer.invalid` when the issuer cannot be asked.
    package func requireActive(_ token: String) async throws(GatewayError) {
        guard try await isActive(token) else {
            throw GatewayError(.tokenRevoked, "The token's issuer says that it does not hold any more.")
        }
    }

    package func isActive(_ token: String) async throws(GatewayError) -> Bool {
        let digest = SHA256.hash(data: Array(token.utf8))
        if let known = answers[digest], now() < known.until { return known.isActive }
        let isActive = try await ask(token)
        if answers.count >= Self.mostAnswers { answers.removeAll(keepingCapacity: true) }
        answers[digest] = Answer(isActive: isActive, until: now().advanced(bySeconds: settings.interval))
        return isActive
    }

    private func ask(_ token: String) async throws(GatewayError) -> Bool {
        let endpoint = try await address()
        // A checked token is three base64url parts: nothing in it needs to be escaped.
        let form = "token=" + token + "&token_type_hint=access_token"
        let body: [UInt8]
        do throws(GatewayError) {
            body = try await poster.post(
                endpoint, form: form, authorization: try authorization(), limit: Self.answerLimit)
        } catch {
            // It may have moved.
            self.endpoint = nil
            throw error
        }
        guard let isActive = JSONReader.read(body)?["active"]?.bool else {
            throw GatewayError(.issuerInvalid, "The introspection answer of \(issuer) does not say `active`.")
        }
        return isActive
    }

    private func address() async throws(GatewayError) -> String {
        if let endpoint { return endpoint }
        let found = try await discovery.introspectionEndpoint()
        endpoint = found
        return found
    }

    /// RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
    private func authorization() throws(GatewayError) -> String {
        let secret = String(decoding: try settings.secret(), as: UTF8.self)
        let pair = Self.encoded(settings.clientID) + ":" + Self.encoded(secret)
        return "Basic " + Data(pair.utf8).base64EncodedString()
    }

    private static func encoded(_ text: String) -> String {
        let unreserved = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }
}

/// A token that an open session rests on. It shows itself to nobody but its issuer.
package final class WatchedToken: Sendable {
    private let token: String
    package let introspector: TokenIntrospector

    init(_ token: String, _ introspector: TokenIntrospector) {
        self.token = token
        self.introspector = introspector
    }

    /// Errors: `issuer.unavailable`, `issuer.invalid`.
    package func isActive() async throws(GatewayError) -> Bool {
        try await introspector.isActive(token)
    }
}

extension WatchedToken: CustomStringConvertible, CustomReflectable {
    package var description: String { "‹token›" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
