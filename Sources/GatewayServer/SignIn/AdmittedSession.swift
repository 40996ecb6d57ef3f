import AccessPolicy
import AuditLedger
import CredentialVault
import GatewayConfiguration
import GatewayCore
import Identity
import SessionKernel

/// Everything that signing in settled about a session.
struct AdmittedSession: Sendable {
    var context: SessionContext
    var terms: SessionTerms
    var identity: VerifiedIdentity
    var connection: ConnectionConfiguration
    var judge: GatewayJudge
    var life: SessionLife
    var since: Timestamp
    /// The ticket that opened it; revoking that ends it.
    var ticket: RecordID?
    /// What its issuer is asked about while it lives; nil when it is not asked.
    var token: WatchedToken?
    /// Why it must end though it was admitted: a lock or a revocation that came while it was being opened, too early to
    /// find it among the open ones. Asked once it is there.
    var objection: @Sendable () -> Refusal?
    /// The approval of access for a time that it was admitted by; nil for who has access anyway.
    var access: RecordID?
    /// Asked whether that access lasts; nil for who has access anyway.
    var accessLasts: (@Sendable () -> Bool)?
    /// A person themselves, whom the connection trusts to pass holds on their own word.
    var mayBreakGlass: Bool {
        let person = identity.principal
        return person.isPersonIssuer && identity.agent.agent == nil && identity.agent.onBehalfOf == nil
            && !identity.isMachine && connection.breakGlass?.allows(person) ?? false
    }
    /// Resolves the target's credential, late and for one dial only (P7).
    var credential: @Sendable () throws(GatewayError) -> TargetCredential
}

/// Why somebody was not let in: words for the client, and for the entry a code and what was claimed. Never a token.
struct SignInRefused: Error {
    var refusal: Refusal
    var code: String
    var claimed: ClaimedIdentity?

    init(
        _ code: String, _ message: String, hint: String? = nil, sqlState: String = "28000",
        claimed: ClaimedIdentity? = nil
    ) {
        self.code = code
        self.refusal = Refusal(code: sqlState, message: message, hint: hint)
        self.claimed = claimed
    }

    static func locked(_ reason: String) -> Refusal {
        Refusal(code: "28000", message: "This session was locked: \(reason)")
    }

    static let ticketRevoked = Refusal(
        code: "28000", message: "This session was ended: its ticket was revoked.",
        hint: "Sign in with a token, or exchange one for a new ticket.")

    static let tokenRevoked = Refusal(
        code: "28000", message: "This session was ended: its token does not hold any more.",
        hint: "Sign in anew at your issuer.")

    static let tokenUnknown = Refusal(
        code: "28000", message: "This session was ended: its issuer cannot be asked whether the token still holds.",
        hint: "Connect again once the issuer answers.")

    static let notRecording = SignInRefused(
        "not_recording", "The gateway cannot record now, so it admits no session.",
        hint: "Its operator finds the reason at /readyz.",
        sqlState: "58030")
}
