package import GatewayCore

/// A fetched document and for how long its server says that it stays good.
package struct FetchedDocument: Sendable {
    package var body: [UInt8]
    /// `max-age` of Cache-Control in seconds, 0 for `no-store` and `no-cache`; nil when not said.
    package var maxAge: Int64?

    package init(body: [UInt8], maxAge: Int64? = nil) {
        self.body = body
        self.maxAge = maxAge
    }

    /// Reads a Cache-Control field (RFC 9111 section 5.2); unknown directives are passed over.
    package static func maxAge(cacheControl field: String) -> Int64? {
        var age: Int64?
        for directive in field.lowercased().split(whereSeparator: { $0 == "," || $0 == " " }) {
            if directive == "no-store" || directive == "no-cache" { return 0 }
            if directive.hasPrefix("max-age="), let value = Int64(directive.dropFirst(8)), value >= 0 {
                age = min(age ?? value, value)
            }
        }
        return age
    }
}

/// Sends forms to issuers. Errors: `issuer.unavailable`, `issuer.invalid` (too large, or a redirect).
package protocol FormPoster: Sendable {
    /// The body of a 200 answer. `form` is encoded already; `authorization` is the header's value.
    func post(_ url: String, form: String, authorization: String, limit: Int) async throws(GatewayError) -> [UInt8]
}

/// Gets documents from issuers. Errors: `issuer.unavailable`, `issuer.invalid` (too large, or a redirect).
package protocol DocumentFetcher: Sendable {
    func fetch(_ url: String, limit: Int) async throws(GatewayError) -> FetchedDocument
}
