import AccessPolicy
import CredentialVault
import Crypto
import DataMasking
import GatewayConfiguration
import GatewayCore
import Identity
import SQLAnalysis
import SessionKernel
import Synchronization

/// Every connection with its policy and masks compiled. Any thread may ask it; a reload puts other entries in.
final class ConnectionBook: Sendable {
    struct Entry: Sendable {
        var configuration: ConnectionConfiguration
        var access: AccessList
        var masks: MaskSet
        var judge: GatewayJudge
        var limits: SessionLimits
        let schema = SchemaVersion()
    }

    /// A connection with the policy parts of a newer file. Its judge is the one that open sessions ask.
    struct Renewed: Sendable {
        var entry: Entry
        var policy: PolicySnapshot
    }

    let durability: Durability
    let life: SessionLife
    private let entries: Mutex<[String: Entry]>
    private let vault: VaultKey

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
            entries[connection.name] = Entry(
                configuration: connection, access: connection.access, masks: Self.masks(connection, vault),
                judge: GatewayJudge(analyzer: analyzer, policy: try Self.policy(connection)),
                limits: SessionLimits(connection.limits))
        }
        self.entries = Mutex(entries)
        self.vault = vault
    }

    private static func policy(_ connection: ConnectionConfiguration) throws(GatewayError) -> PolicySnapshot {
        do throws(PolicyProblems) {
            return try PolicySnapshot(
                guards: connection.guards, readOnly: connection.isReadOnly, notUnderstood: connection.notUnderstood,
                hasMasks: !connection.masks.isEmpty)
        } catch {
            throw GatewayError(
                GatewayError.Code("configuration.policy"),
                "The policy of connection \"\(connection.name)\" does not compile; check the file with: sallyport config check",
                cause: error)
        }
    }

    private static func masks(_ connection: ConnectionConfiguration, _ vault: VaultKey) -> MaskSet {
        let key = vault.derive(.maskHash(connection: connection.name)).withUnsafeBytes { Array($0) }
        return MaskSet(rules: connection.masks, key: MaskKey(bytes: key))
    }

    func entry(named name: String, kind: String) -> Entry? {
        entries.withLock { $0[name] }.flatMap { $0.configuration.kind == kind ? $0 : nil }
    }

    /// The connection of that name as `newer` says, its policy parts only; nil when there is none. Changes nothing yet.
    func renewed(by newer: ConnectionConfiguration) throws(GatewayError) -> Renewed? {
        guard var entry = entries.withLock({ $0[newer.name] }) else { return nil }
        entry.configuration.guards = newer.guards
        entry.configuration.notUnderstood = newer.notUnderstood
        entry.configuration.isReadOnly = newer.isReadOnly
        entry.configuration.labels = newer.labels
        entry.configuration.access = newer.access
        entry.configuration.masks = newer.masks
        entry.access = newer.access
        entry.masks = Self.masks(entry.configuration, vault)
        return Renewed(entry: entry, policy: try Self.policy(entry.configuration))
    }

    /// From now on sessions to come begin by these, and the commands of open ones are judged by them.
    func replace(_ renewed: [Renewed]) {
        for one in renewed { one.entry.judge.replace(one.policy) }
        entries.withLock { entries in
            for one in renewed { entries[one.entry.configuration.name] = one.entry }
        }
    }
}

/// Judges by the connection's snapshot of now; both look-ups are answered on the event loop.
final class GatewayJudge: CommandJudge {
    /// Handed out by one reference, whatever is in it.
    private final class Box: Sendable {
        let policy: PolicySnapshot

        init(_ policy: PolicySnapshot) { self.policy = policy }
    }

    private let analyzer: SQLAnalyzer
    private let box: Mutex<Box>

    init(analyzer: SQLAnalyzer, policy: PolicySnapshot) {
        self.analyzer = analyzer
        box = Mutex(Box(policy))
    }

    var policy: PolicySnapshot { box.withLock { $0 }.policy }

    func replace(_ policy: PolicySnapshot) {
        let next = Box(policy)
        box.withLock { $0 = next }
    }

    func cachedAnalysis(of text: [UInt8]) -> SQLAnalysis? {
        analyzer.cached(text)
    }

    /// The one place where a verdict meets the clock. Nil while something must be known of what the command names.
    func verdict(on subject: CommandSubject) -> Verdict? {
        let box = box.withLock { $0 }
        guard subject.oracleQuestions.isEmpty else { return nil }
        guard box.policy.dependsOnTime else { return box.policy.evaluate(subject) }
        var subject = subject
        subject.time = Timestamp.wall()
        return box.policy.evaluate(subject)
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
        if let value = configured.bytes { bytes = value }
        if let value = configured.seconds { seconds = value }
    }
}

extension TargetConfiguration {
    func place(showing credential: CredentialConfiguration.Form) -> TargetPlace {
        var place = TargetPlace()
        let isTLS = tls != .disable
        let name = host.contains(":") ? "[\(host)]" : host
        place.authority = port == (isTLS ? 443 : 80) ? name : "\(name):\(port)"
        place.path = path
        place.isTLS = isTLS
        place.credential = credential.kernel
        return place
    }
}

extension CredentialConfiguration.Form {
    var kernel: TargetCredential.Form {
        switch self {
        case .password: .password
        case .bearer: .bearer
        case .header(let name): .header(name)
        case .query(let name): .query(name)
        }
    }
}

extension ConnectionConfiguration {
    /// TLS to the target begins with its first byte; other protocols ask for it in their own words.
    var beginsWithTLS: Bool { kind == "http" && target.tls != .disable }
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
