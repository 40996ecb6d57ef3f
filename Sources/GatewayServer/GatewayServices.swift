import AuditStore
import Logging
import NIOSSL
import SQLAnalysis

/// What every session shares. All of it is Sendable; nothing here belongs to one session.
struct GatewayServices: Sendable {
    var store: AuditStore
    var analyzer: SQLAnalyzer
    var signIn: SignInService
    var sessions: SessionRegistry
    var approvals: ApprovalService
    var catalogues: CatalogueService
    var policyService: PolicyService
    var metrics: Metrics
    var logger: Logger
}

/// What the sessions of one listener have in common.
struct ListenerTerms: Sendable {
    /// The protocol: `postgres`, `http`.
    var kind: String
    /// Offered to clients; nil for `tls: off`.
    var tls: NIOSSLContext?
    /// Tokens may come in clear text: the listener is on loopback.
    var acceptsClearText: Bool
    var signInSeconds: Int
    /// How long a client may take nothing of its answer, and over what time its body's rate is measured.
    var stallSeconds = 30
    /// The client is a stream of HTTP/2.
    var isStream = false
    /// Sessions that client connections share; nil where each has its own.
    var sharing: SharedSessionBook?
}
