package import GatewayCore

extension TokenVerifier {
    /// The verifier for a configuration: every issuer by discovery, and the embedded one by its own key.
    /// Errors: `issuer.invalid` for an issuer's URL that cannot be accepted.
    package convenience init(
        issuers: [IssuerConfiguration], embedded: EmbeddedIssuer? = nil, fetcher: any DocumentFetcher,
        limits: IssuerKeys.Limits = .init(), now: @escaping @Sendable () -> Timestamp = Timestamp.wall
    ) throws(GatewayError) {
        var sources: [(configuration: IssuerConfiguration, keys: any KeySource)] = []
        for issuer in issuers {
            let discovery = try Discovery(issuer: issuer.url, fetcher: fetcher)
            sources.append((issuer, IssuerKeys(discovery: discovery, limits: limits, now: now)))
        }
        if let embedded { sources.append((embedded.configuration, embedded.keys)) }
        self.init(issuers: sources, now: now)
    }
}
