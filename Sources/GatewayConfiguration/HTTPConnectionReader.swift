import CredentialVault
import Yams

/// Reads what is particular to a connection of kind `http`.
struct HTTPConnectionReader {
    let context: ReadingContext

    /// `{url: https://host:port/base, tls: …, authority: …, version: 1.1 | 2}`
    func target(_ value: Value) -> TargetConfiguration? {
        guard let section = value.section(["url", "tls", "authority", "version"]),
            let url = section.required("url", "write url: https://host or http://host:port/base"),
            let text = url.text()
        else { return nil }
        guard let place = Place(text) else {
            url.problem(
                "`\(text.prefix(80))` is no address of an HTTP service",
                fix:
                    "write https://host, https://host:8443/base or http://127.0.0.1:8000, without user, query and fragment"
            )
            return nil
        }
        let version = section["version"]?.text() ?? "1.1"
        if !["1.1", "2"].contains(version) {
            section["version"]?.problem(
                "`\(version.prefix(16))` is no version spoken to targets", fix: "write 1.1 or 2")
        }
        let isLoopback = Endpoint(host: place.host, port: place.port).isLoopback
        let authority = section["authority"].flatMap { context.file($0) }
        guard place.isTLS else {
            for key in ["tls", "authority"] {
                section[key]?.problem("the URL says http, so there is no TLS", fix: "write https://, or remove \(key)")
            }
            if !isLoopback {
                value.log.warning(
                    url.mark, url.path, "requests and the credential go to \(place.host) in the clear",
                    fix: "use https://")
            }
            var target = TargetConfiguration(host: place.host, port: place.port, database: "", tls: .disable)
            target.path = place.path
            target.speaksHTTP2 = version == "2"
            return target
        }
        guard let tls = section.read("tls", or: .verifyFull, { $0.choice(TargetConfiguration.TLSMode.self) }) else {
            return nil
        }
        if tls == .disable || tls == .prefer {
            section["tls"]?.problem("the URL says https, so TLS is required", fix: "use tls: verify-full, or http://")
            return nil
        }
        if tls == .require, !isLoopback {
            value.log.warning(
                section["tls"]?.mark, value.path + ".tls",
                "the target's certificate is not checked on the way to \(place.host)", fix: "use tls: verify-full")
        }
        var target = TargetConfiguration(
            host: place.host, port: place.port, database: "", tls: tls, authority: authority)
        target.path = place.path
        target.speaksHTTP2 = version == "2"
        return target
    }

    /// A host name that clients reach the connection under, so that it is an origin of its own to a browser.
    static func host(_ value: Value) -> String? {
        guard let text = value.text()?.lowercased() else { return nil }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let isName =
            text.utf8.count <= 253
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy { $0 &- 0x30 < 10 || $0 &- 0x61 < 26 || $0 == 0x2D }
            }
        guard isName, UInt8(labels.last ?? "") == nil else {
            value.problem(
                "`\(text.prefix(80))` is no host name",
                fix: "write one like billing.gateway.example.com, without a port")
            return nil
        }
        return text
    }

    /// One of `{bearer: s}`, `{username: u, password: s}`, `{header: {name: n, value: s}}`, `{query: {name: n, value: s}}`,
    /// with a client certificate or without; or that alone.
    func credential(_ value: Value) -> CredentialConfiguration? {
        let words: Set<String> = ["bearer", "username", "password", "header", "query"]
        guard let section = value.section(words.union(ClientCertificateReader.keys), later: ["vault"]) else {
            return nil
        }
        let certificate = ClientCertificateReader(context: context).certificate(in: section)
        var credential = CredentialConfiguration.none
        if section["certificate"] == nil || words.contains(where: { section[$0] != nil }) {
            guard let shown = shownInRequests(value, section) else { return nil }
            credential = shown
        }
        credential.certificate = certificate
        return credential
    }

    private func shownInRequests(_ value: Value, _ section: Section) -> CredentialConfiguration? {
        let given = ["bearer", "username", "header", "query"].filter { section[$0] != nil }
        guard given.count == 1, section["password"] == nil || given == ["username"] else {
            value.problem(
                "a credential is one of bearer, username with password, header and query, or certificate with key",
                fix: "write {bearer: {env: API_TOKEN}}")
            return nil
        }
        switch given[0] {
        case "bearer":
            return section["bearer"].flatMap { context.secret($0) }
                .map { CredentialConfiguration(username: "", password: $0, form: .bearer) }
        case "username":
            guard let username = section["username"]?.text(),
                let password = section.required("password", "write password: {env: …}").flatMap({ context.secret($0) })
            else { return nil }
            guard !username.contains(":") else {
                section["username"]?.problem("a user name has no colon in it", fix: "write it without")
                return nil
            }
            return CredentialConfiguration(username: username, password: password)
        default:
            let isHeader = given[0] == "header"
            guard let inner = section[given[0]]?.section(["name", "value"]),
                let name = inner.required("name", "name the \(isHeader ? "header field" : "parameter")"),
                let text = name.text(),
                let secret = inner.required("value", "write value: {env: …}").flatMap({ context.secret($0) })
            else { return nil }
            let reserved = ["host", "content-length", "transfer-encoding", "connection"]
            let isPlain = text.utf8.allSatisfy { byte in
                byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || [0x2D, 0x5F, 0x2E].contains(byte)
            }
            guard isPlain, text.utf8.count <= 64, !isHeader || !reserved.contains(text.lowercased()) else {
                name.problem(
                    "`\(text.prefix(64))` cannot hold a credential", fix: "use letters, digits, dashes and underscores")
                return nil
            }
            return CredentialConfiguration(
                username: "", password: secret, form: isHeader ? .header(text) : .query(text))
        }
    }

    /// The parts of a URL that a target has.
    private struct Place {
        var isTLS: Bool
        var host: String
        var port: Int
        var path: String

        init?(_ text: String) {
            guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }),
                text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
                !text.contains(where: { "?#@\\%".contains($0) })
            else { return nil }
            isTLS = scheme == "https://"
            let rest = text.dropFirst(scheme.count)
            let authority = rest.prefix { $0 != "/" }
            var path = String(rest.dropFirst(authority.count))
            while path.hasSuffix("/") { path.removeLast() }
            guard
                !path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
                    .contains(where: { ["", ".", ".."].contains($0) })
            else { return nil }
            self.path = path
            var (host, port) = (authority, isTLS ? 443 : 80)
            if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
                guard let number = Int(authority[authority.index(after: colon)...]), (1...65_535).contains(number)
                else {
                    return nil
                }
                (host, port) = (authority[..<colon], number)
            }
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            guard !host.isEmpty, host.utf8.count <= 253 else { return nil }
            self.host = String(host)
            self.port = port
        }
    }
}

extension CredentialConfiguration {
    static let none = CredentialConfiguration(username: "", password: nil)
}
