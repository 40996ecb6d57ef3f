import Identity

/// Reads `identity`: whose tokens are accepted.
struct IdentityReader {
    struct Result {
        var issuers: [IssuerConfiguration] = []
        /// By the issuer's URL.
        var introspection: [String: IntrospectionConfiguration] = [:]
        var local = false

        /// Every issuer that rules may name.
        var names: Set<String> { Set(issuers.map(\.url) + (local ? [EmbeddedIssuer.defaultURL] : [])) }
    }

    let context: ReadingContext

    func read(_ value: Value) -> Result? {
        guard let section = value.section(["issuers", "local"], later: ["saml", "clients"]) else { return nil }
        var result = Result()
        let local = section.read("local", or: false) { $0.bool() }
        for element in section["issuers"]?.list() ?? [] { read(issuer: element, into: &result) }
        if section["issuers"] == nil, local == false {
            value.problem("there is no issuer, so nobody could sign in", fix: "write local: true or list issuers")
        }
        guard let local else { return nil }
        result.local = local
        return result
    }

    private func read(issuer value: Value, into result: inout Result) {
        guard
            let section = value.section(
                ["url", "audience", "claims", "people", "algorithms", "ca", "introspection"],
                later: ["name", "client_id", "client_secret"]),
            let url = section.required("url", "write the issuer's URL exactly as in its tokens").flatMap(readURL)
        else { return }
        var issuer = IssuerConfiguration(url: url)
        if let audience = section["audience"] { issuer.audiences = audience.texts() }
        if let people = section["people"] { issuer.people = people.bool() ?? false }
        if let claims = section["claims"]?.section(["groups", "agent", "interactive"]) {
            if let path = claims["groups"]?.text() { issuer.groupsClaim = IssuerConfiguration.claimPath(path) }
            if let path = claims["agent"]?.text() { issuer.agentClaim = IssuerConfiguration.claimPath(path) }
            if let path = claims["interactive"]?.text() {
                issuer.interactiveClaim = IssuerConfiguration.claimPath(path)
            }
        }
        if let algorithms = section["algorithms"] {
            issuer.algorithms = Set(algorithms.list().compactMap { $0.choice(TokenAlgorithm.self) })
        }
        issuer.authority = section["ca"].flatMap { context.file($0) }
        if result.issuers.contains(where: { $0.url == url }) {
            value.problem("the issuer \(url) is listed twice", fix: "keep one of them")
        }
        result.issuers.append(issuer)
        result.introspection[url] = section["introspection"].flatMap(readIntrospection)
    }

    private func readURL(_ value: Value) -> String? {
        guard let url = value.text() else { return nil }
        let host = url.hasPrefix("http://") ? url.dropFirst(7).prefix { $0 != "/" && $0 != ":" } : ""
        let isPlainLoopback = Endpoint(host: String(host), port: 0).isLoopback || url.hasPrefix("http://[::1]")
        guard url.hasPrefix("https://") && url.utf8.count > 8 || isPlainLoopback, !url.contains("@"),
            !url.contains("?"), !url.contains("#")
        else {
            value.problem(
                "an issuer is reached by https\(value.shown)",
                fix: "write its https URL; http is for loopback hosts only")
            return nil
        }
        return url
    }

    private func readIntrospection(_ value: Value) -> IntrospectionConfiguration? {
        guard let section = value.section(["client_id", "client_secret", "every", "grace"]),
            let client = section.required("client_id", "write the gateway's client id at the issuer")?.text(),
            let secret = section.required("client_secret", "write {env: NAME} or {file: path}").flatMap({
                context.secret($0)
            }),
            let interval = section.read("every", or: 2, { $0.duration(1...60) }),
            let grace = section.read("grace", or: 60, { $0.duration(0...3600) })
        else { return nil }
        return IntrospectionConfiguration(clientID: client, secret: secret, interval: interval, grace: grace)
    }
}
