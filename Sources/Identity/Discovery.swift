package import GatewayCore

/// OpenID Connect Discovery 1.0: from an issuer's URL to its keys.
package struct Discovery: Sendable {
    package static let documentLimit = 262_144
    package static let keySetLimit = 1_048_576

    package let issuer: String
    private let fetcher: any DocumentFetcher

    /// Errors: `issuer.invalid` for a URL that is not https; http is accepted for a loopback host only.
    package init(issuer: String, fetcher: any DocumentFetcher) throws(GatewayError) {
        guard Self.isAcceptable(issuer, plainAllowed: true), !issuer.contains("?"), !issuer.contains("#") else {
            throw GatewayError(
                .issuerInvalid,
                "An issuer is an https URL (http for a loopback host only): \(ClaimedIdentity.printable(issuer))")
        }
        self.issuer = issuer
        self.fetcher = fetcher
    }

    /// Fetches the discovery document and then the keys that it names; the answer's `maxAge` is that of the keys.
    package func keys() async throws(GatewayError) -> (keys: KeySet, maxAge: Int64?) {
        let fetched = try await fetcher.fetch(try await address("jwks_uri"), limit: Self.keySetLimit)
        return (try await KeySet(json: fetched.body), fetched.maxAge)
    }

    /// Where the issuer is asked whether a token still holds (RFC 7662 section 2).
    package func introspectionEndpoint() async throws(GatewayError) -> String {
        try await address("introspection_endpoint")
    }

    /// An address that the discovery document names.
    private func address(_ member: String) async throws(GatewayError) -> String {
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        let document = try await fetcher.fetch(base + "/.well-known/openid-configuration", limit: Self.documentLimit)
        guard let metadata = JSONReader.read(document.body) else {
            throw GatewayError(.issuerInvalid, "The discovery document of \(issuer) is not acceptable JSON.")
        }
        guard let named = metadata["issuer"]?.string, named.utf8.elementsEqual(issuer.utf8) else {
            throw GatewayError(
                .issuerInvalid,
                "The discovery document of \(issuer) is one of another issuer; the URLs must match exactly.")
        }
        guard let address = metadata[member]?.string, address.utf8.count <= 2048,
            Self.isAcceptable(address, plainAllowed: issuer.hasPrefix("http://"))
        else {
            throw GatewayError(
                .issuerInvalid, "The discovery document of \(issuer) names no acceptable \(member); it must be https.")
        }
        return address
    }

    /// https with a host, or http to this machine itself. User info is refused: it can make one host look like another.
    static func isAcceptable(_ url: String, plainAllowed: Bool) -> Bool {
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else { return false }
        func authority(after scheme: String) -> Substring? {
            guard url.hasPrefix(scheme) else { return nil }
            let rest = url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            return rest.isEmpty || rest.contains("@") ? nil : rest
        }
        if authority(after: "https://") != nil { return true }
        guard plainAllowed, let local = authority(after: "http://") else { return false }
        return ["127.0.0.1", "localhost", "[::1]"].contains { host in
            local == host
                || (local.hasPrefix(host + ":")
                    && local.dropFirst(host.count + 1).allSatisfy { $0.isASCII && $0.isNumber })
        }
    }
}
