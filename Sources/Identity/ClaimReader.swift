import GatewayCore

/// Turns the claims of a token whose signature holds into an identity, or says why they do not make one.
struct ClaimReader {
    /// Seconds by which the clocks of issuer and gateway may differ.
    static let leeway: Int64 = 60
    static let textLimit = 1024
    static let groupLimit = 2048

    let payload: JSONValue
    let issuer: IssuerConfiguration

    func identity(audience: String, now: Timestamp) throws(GatewayError) -> VerifiedIdentity {
        try checkAudience(audience)
        let expires = try checkTimes(now: now)
        guard let subject = try text(["sub"], code: .tokenSubject), !subject.isEmpty else {
            throw GatewayError(.tokenSubject, "The token names no subject (sub).")
        }
        let name = ["preferred_username", "email", "name"].lazy.compactMap { payload[$0]?.string }.first
        let principal = Principal(
            issuer: issuer.url, subject: subject, name: name.map(ClaimedIdentity.printable), groups: try groups(),
            isPersonIssuer: issuer.people)
        return VerifiedIdentity(
            principal: principal, agent: try agent(for: subject), expires: expires, tokenID: try text(["jti"]),
            isMachine: MachineToken.isOne(payload, subject: subject, issuer: issuer))
    }

    private func checkAudience(_ door: String) throws(GatewayError) {
        let named: [String]
        switch payload["aud"] {
        case .string(let one): named = [one]
        case .array(let several): named = several.compactMap(\.string)
        default: named = []
        }
        // A door of its own (approvals) opens to its own name only, and its name opens no session.
        let accepted =
            door == TokenVerifier.sessionAudience
            ? issuer.audiences.filter { !$0.hasPrefix(TokenVerifier.sessionAudience + ":") } : [door]
        let matches = named.contains { one in accepted.contains { $0.utf8.elementsEqual(one.utf8) } }
        guard matches else {
            throw GatewayError(
                .tokenAudience,
                "The token is for another audience; here it must be for \(accepted.joined(separator: " or ")).")
        }
    }

    private func checkTimes(now: Timestamp) throws(GatewayError) -> Timestamp {
        guard let expires = try moment("exp") else { throw GatewayError(.tokenTime, "The token has no expiry (exp).") }
        guard now < expires.advanced(bySeconds: Self.leeway) else {
            throw GatewayError(.tokenExpired, "The token expired at \(expires).")
        }
        for claim in ["nbf", "iat"] {
            if let start = try moment(claim), now < start.advanced(bySeconds: -Self.leeway) {
                throw GatewayError(.tokenNotYetValid, "The token is not valid before \(start) (\(claim)).")
            }
        }
        return expires
    }

    /// A NumericDate (RFC 7519 section 2); nil when the claim is absent.
    private func moment(_ claim: String) throws(GatewayError) -> Timestamp? {
        guard let value = payload[claim] else { return nil }
        guard let seconds = value.number, seconds >= 0, seconds <= 253_402_300_799 else {
            throw GatewayError(.tokenTime, "The token's \(claim) is not a number of seconds since 1970.")
        }
        return Timestamp(microseconds: Int64(seconds * 1_000_000))
    }

    /// A string claim; nil when absent. Errors when it is of another type, too long, or holds characters that do not
    /// print.
    private func text(_ path: [String], code: GatewayError.Code = .tokenClaim) throws(GatewayError) -> String? {
        guard let value = payload.value(at: path), value != .null else { return nil }
        guard let text = value.string, text.utf8.count <= Self.textLimit,
            text.unicodeScalars.allSatisfy(ClaimedIdentity.isPrintable)
        else {
            throw GatewayError(
                code,
                "The token's \(path.joined(separator: ".")) is not a printable string of at most \(Self.textLimit) bytes."
            )
        }
        return text
    }

    private func groups() throws(GatewayError) -> [String] {
        let path = issuer.groupsClaim.joined(separator: ".")
        let found: [String]
        switch payload.value(at: issuer.groupsClaim) {
        case nil, .null: return []
        case .string(let joined):
            found = joined.split(whereSeparator: issuer.groupsSeparators.contains).map(String.init)
        case .array(let members):
            found = members.compactMap(\.string)
            guard found.count == members.count else {
                throw GatewayError(.tokenGroups, "The token's groups (\(path)) hold something that is not a string.")
            }
        default: throw GatewayError(.tokenGroups, "The token's groups (\(path)) are neither a list nor a string.")
        }
        let sound = found.allSatisfy {
            !$0.isEmpty && $0.utf8.count <= Self.textLimit && $0.unicodeScalars.allSatisfy(ClaimedIdentity.isPrintable)
        }
        guard found.count <= Self.groupLimit, sound else {
            throw GatewayError(
                .tokenGroups, "The token's groups (\(path)) are too many, too long, empty or not printable.")
        }
        return found
    }

    /// The actor of RFC 8693 section 4.1 first: then the subject is whom it acts for. Deeper `act` members are history
    /// and not read.
    private func agent(for subject: String) throws(GatewayError) -> AgentContext {
        var context = AgentContext(trust: .verified)
        if let actor = payload["act"], actor != .null {
            var name = try text(["act", "sub"])
            if name == nil { name = try text(["act", "client_id"]) }
            guard actor.object != nil, let name, !name.isEmpty else {
                throw GatewayError(.tokenClaim, "The token's act names no actor (act.sub).")
            }
            context.agent = name
            context.onBehalfOf = subject
        } else if let name = try text(["agent"]) {
            context.agent = name
        } else if let path = issuer.agentClaim {
            context.agent = try text(path)
        }
        context.model = try text(["model"])
        context.run = try text(["run"])
        context.purpose = try text(["purpose"])
        return context
    }
}
