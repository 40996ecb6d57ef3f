package import AccessPolicy
package import AuditLedger
package import AuditStore
package import GatewayConfiguration
package import GatewayCore
package import Identity

/// What the console needs of the running gateway. Everything that writes has its entry durable before it returns.
package struct ConsoleServices: Sendable {
    /// One line of the metrics text. Those of one name follow one another.
    package struct Metric: Sendable {
        package enum Kind: String, Sendable {
            case counter
            case gauge
        }

        package var name: String
        package var help: String
        package var kind: Kind
        package var value: Double
        /// Names and values, the names as code knows them.
        package var labels: [(name: String, value: String)]

        package init(
            _ name: String, _ help: String, _ kind: Kind = .counter, _ value: Double,
            labels: [(name: String, value: String)] = []
        ) {
            self.labels = labels
            self.name = name
            self.help = help
            self.kind = kind
            self.value = value
        }
    }

    package var verifier: TokenVerifier
    package var tickets: TicketStore
    package var locks: LockRegistry
    package var roles: RolesConfiguration
    package var connections: [ConnectionConfiguration] { currentConnections() }
    package var currentConnections: @Sendable () -> [ConnectionConfiguration]
    /// Has the policy of the configuration file taken over; takes who asks. Errors: `ConfigurationErrors`.
    package var reloadPolicy: @Sendable (Principal) async throws -> PolicyReloadView = { _ in throw Problem.notFound }
    /// What the console is called from outside; nil where nobody said.
    package var consoleURL: String?
    package var trail: any Trail
    /// The Merkle log; nil when the store keeps none.
    package var ledger: LedgerKeeper?
    /// How the sinks do.
    package var sinks: @Sendable () -> [SinkView] = { [] }
    /// Why the gateway admits no session now; empty when it does.
    package var unreadiness: @Sendable () -> [String]
    package var metrics: @Sendable () -> [Metric]
    /// Appends an entry to the gateway's own session; returns once it is durable.
    package var append: @Sendable (EntryDraft) async throws -> Void
    /// Writes the lock's entry, then sets it and ends the sessions that it names, as many as it returns. Takes the reason
    /// and who sets it.
    package var setLock: @Sendable (Lock.Target, String, Principal) async throws -> (lock: Lock, ended: Int)
    /// Writes the release's entry, then lifts the lock; false when none of that id stands.
    package var releaseLock: @Sendable (RecordID, Principal) async throws -> Bool
    package var approvals: @Sendable () -> [Approval]
    /// Takes the approval, who decides, and why.
    package var approve: @Sendable (RecordID, VerifiedIdentity, String?) async throws -> Approval
    package var deny: @Sendable (RecordID, VerifiedIdentity, String?) async throws -> Approval
    /// Files a request for access: the connection, for how many seconds, who asks, why, and from where.
    package var requestAccess:
        @Sendable (ConnectionConfiguration, Int?, VerifiedIdentity, String?, String) async throws -> Approval = {
            _, _, _, _, _ in throw ApprovalError.unknown
        }
    /// Files a request to see masked columns: their names, the connection, for how many seconds, who asks, why, and from
    /// where. Errors: `ApprovalError`, and a `Problem` where nobody may agree to it.
    package var requestUnmasking:
        @Sendable ([String], ConnectionConfiguration, Int?, VerifiedIdentity, String?, String) async throws ->
            Approval = { _, _, _, _, _, _ in throw ApprovalError.unknown }
    /// Takes a request back: the approval, who does it, and why.
    package var withdraw: @Sendable (RecordID, Principal, String?) async throws -> Approval = { _, _, _ in
        throw ApprovalError.unknown
    }
    /// Writes a session of kind `http` as an HTTP archive, in pieces; blocks meanwhile.
    package var writeHAR:
        @Sendable (SessionView, RecordID, _ write: @escaping ([UInt8]) throws -> Void) throws -> Void = { _, _, _ in
            throw Problem.notFound
        }
    /// Ends an open session; false when there is none of that id.
    package var endSession: @Sendable (RecordID, String) -> Bool
    /// Writes an entry for each session after the draft, then destroys their content for good.
    package var erase: @Sendable ([RecordID], EntryDraft) async throws -> Void

    package init(
        verifier: TokenVerifier, tickets: TicketStore, locks: LockRegistry, roles: RolesConfiguration,
        connections: [ConnectionConfiguration], trail: any Trail, unreadiness: @escaping @Sendable () -> [String],
        metrics: @escaping @Sendable () -> [Metric], append: @escaping @Sendable (EntryDraft) async throws -> Void,
        setLock: @escaping @Sendable (Lock.Target, String, Principal) async throws -> (lock: Lock, ended: Int),
        releaseLock: @escaping @Sendable (RecordID, Principal) async throws -> Bool,
        approvals: @escaping @Sendable () -> [Approval],
        approve: @escaping @Sendable (RecordID, VerifiedIdentity, String?) async throws -> Approval,
        deny: @escaping @Sendable (RecordID, VerifiedIdentity, String?) async throws -> Approval,
        endSession: @escaping @Sendable (RecordID, String) -> Bool,
        erase: @escaping @Sendable ([RecordID], EntryDraft) async throws -> Void
    ) {
        self.verifier = verifier
        self.tickets = tickets
        self.locks = locks
        self.roles = roles
        currentConnections = { connections }
        self.trail = trail
        self.unreadiness = unreadiness
        self.metrics = metrics
        self.append = append
        self.setLock = setLock
        self.releaseLock = releaseLock
        self.approvals = approvals
        self.approve = approve
        self.deny = deny
        self.endSession = endSession
        self.erase = erase
    }
}
