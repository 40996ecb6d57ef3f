import AccessPolicy
import CredentialVault
import Crypto
import DataMasking
import GatewayConfiguration
import GatewayCore
import Identity
import SQLAnalysis
import SessionKernel

/// Every connection with its policy and masks compiled; immutable, so sessions ask it from any thread.
final class ConnectionBook: Sendable {
    struct Entry: Sendable {
        var configuration: ConnectionConfiguration
        var access: AccessList
        var masks: MaskSet
        var judge: GatewayJudge
        var limits: SessionLimits
        let schema = SchemaVersion()
    }

    let durability: Durability
    let life: SessionLife
    private let entries: [String: Entry]

    /// Errors: `configuration.policy`, when a policy that was loaded does not compile.
    init(_ configuration: Configuration, vault: VaultKey, analyzer: SQLAnalyzer) throws(GatewayError) {
        durability =
            switch configuration.durability {
            case .strict: .strict
            case .command: .command
            case .relaxed: .relaxed
            }
        life = configuration.session
        var entries: [String: Entry] = [:]
        for connection in configuration.connections {
            let policy: PolicySnapshot
            do throws(PolicyProblems) {
                policy = try PolicySnapshot(
                    guards: connection.guards, readOnly: connection.isReadOnly, notUnderstood: connection.notUnderstood,
                    hasMasks: !connection.masks.isEmpty)
            } catch {
                throw GatewayError(
                    GatewayError.Code("configuration.policy"),
                    "The policy of connection \"\(connection.name)\" does not compile; check the file with: sallyport config check",
                    cause: error)
            }
            let masks = MaskSet(
                rules: connection.masks,
                key: MaskKey(bytes: vault.derive(.maskHash(connection: connection.name)).withUnsafeBytes { Array($0) }))
            entries[connection.name] = Entry(
                configuration: connection, access: connection.access, masks: masks,
                judge: GatewayJudge(analyzer: analyzer, policy: policy), limits: SessionLimits(connection.limits))
        }
        self.entries = entries
    }

    func entry(named name: String, kind: String) -> Entry? {
        entries[name].flatMap { $0.configuration.kind == kind ? $0 : nil }
    }
}

/// Judges by the connection's snapshot; both look-ups are answered on the event loop.
final class GatewayJudge: CommandJudge {
    private let analyzer: SQLAnalyzer
    private let policy: PolicySnapshot

    init(analyzer: SQLAnalyzer, policy: PolicySnapshot) {
        self.analyzer = analyzer
        self.policy = policy
    }

    func cachedAnalysis(of text: [UInt8]) -> SQLAnalysis? {
        analyzer.cached(text)
    }

    /// The one place where a verdict meets the clock.
    func verdict(on subject: CommandSubject) -> Verdict? {
        guard policy.dependsOnTime else { return policy.evaluate(subject) }
        var subject = subject
        subject.time = Timestamp.wall()
        return policy.evaluate(subject)
    }
}

extension SessionLimits {
    init(_ configured: LimitsConfiguration) {
        self.init()
        if let value = configured.command { command = value }
        if let value = configured.message { message = value }
        if let value = configured.row { row = value }
        if let value = configured.pipeline { pipelineBytes = value }
        if let value = configured.responses { responseBytes = value }
        if let value = configured.rows { rows = value }
        if let value = configured.seconds { seconds = value }
    }
}

extension TargetConfiguration.TLSMode {
    /// How TLS is asked for on the wire; how much of the certificate is checked is `TargetTLSContext`'s.
    var negotiation: TargetTLS {
        switch self {
        case .disable: .disable
        case .prefer: .prefer
        case .require, .verifyCA, .verifyFull: .required
        }
    }
}
