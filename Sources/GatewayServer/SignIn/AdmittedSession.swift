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
    var judge: any CommandJudge
    var life: SessionLife
    var since: Timestamp
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

    static let notRecording = SignInRefused(
        "not_recording", "The gateway cannot record now, so it admits no session.",
        hint: "Its operator finds the reason at /readyz.",
        sqlState: "58030")
}
