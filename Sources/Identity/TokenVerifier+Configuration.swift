package import GatewayCore

extension TokenVerifier {
    /// The verifier for a configuration: every issuer by discovery, and the embedded one by its own key.
    /// `fetcher` gives what an issuer is reached by, `introspection` how it is asked whether tokens still hold.
    /// Errors: `issuer.invalid` for an issuer's URL that cannot be accepted.
    package convenience init<Fetcher: DocumentFetcher & FormPoster>(
        issuers: [IssuerConfiguration], embedded: EmbeddedIssuer? = nil,
        fetcher: (IssuerConfiguration) -> Fetcher,
        introspection: (IssuerConfiguration) -> TokenIntrospector.Settings? = { _ in nil },
        limits: IssuerKeys.Limits = .init(), now: @escaping @Sendable () -> Timestamp = Timestamp.wall
    ) throws(GatewayError) {
        var sources: [(configuration: IssuerConfiguration, keys: any KeySource)] = []
        var introspectors: [TokenIntrospector] = []
        for issuer in issuers {
            let fetcher = fetcher(issuer)
            let discovery = try Discovery(issuer: issuer.url, fetcher: fetcher)
            sources.append((issuer, IssuerKeys(discovery: discovery, limits: limits, now: now)))
            if let settings = introspection(issuer) {
                introspectors.append(TokenIntrospector(settings, discovery: discovery, poster: fetcher, now: now))
            }
        }
        if let embedded { sources.append((embedded.configuration, embedded.keys)) }
        self.init(issuers: sources, introspectors: introspectors, now: now)
    }
}
