/// Whether a token was got by a program with credentials of its own (RFC 6749 section 4.4) rather than by a person who
/// signed in. No standard claim says so; these are the marks that issuers leave.
enum MachineToken {
    static func isOne(_ payload: JSONValue, subject: String, issuer: IssuerConfiguration) -> Bool {
        if let proof = issuer.interactiveClaim, !isProven(payload.value(at: proof)) { return true }
        // RFC 9068 section 2.2: without a resource owner the subject is the client. Google and Okta do the same.
        for claim in ["client_id", "azp", "cid", "appid"] where isText(payload[claim], subject) { return true }
        // Keycloak names the account of a client so.
        if payload["preferred_username"]?.string?.hasPrefix("service-account-") ?? false { return true }
        // Auth0.
        for claim in ["gty", "grant_type"] {
            let grants = payload[claim]?.array ?? payload[claim].map { [$0] } ?? []
            if grants.contains(where: { isText($0, "client-credentials") || isText($0, "client_credentials") }) {
                return true
            }
        }
        if subject.hasSuffix("@clients") { return true }
        // Entra ID: the optional idtyp, and without it a subject that is the service principal and holds no scope.
        if isText(payload["idtyp"], "app") { return true }
        return isText(payload["oid"], subject) && payload["scp"] == nil
    }

    private static func isText(_ value: JSONValue?, _ text: String) -> Bool {
        value?.string.map { $0.utf8.elementsEqual(text.utf8) } ?? false
    }

    /// A claim that an issuer puts only into tokens of people: there, and not empty.
    private static func isProven(_ value: JSONValue?) -> Bool {
        switch value {
        case nil, .null, .bool(false): false
        case .string(let text): !text.isEmpty
        case .array(let members): !members.isEmpty
        default: true
        }
    }
}
