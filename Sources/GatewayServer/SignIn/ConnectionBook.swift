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
                hasMasks: !connection.masks.isEmpty, external: connection.opa)
        } catch {
            throw GatewayError(
                GatewayError.Code("configuration.policy"),
                "The policy of connection \"\(connection.name)\" does not compile; check the file with: sallyport config check",
                cause: error)
        }
    }

    private static func masks(_ connection: ConnectionConfiguration, _ vault: VaultKey) -> MaskSet {
        let key = vault.derive(.maskHash(connection: connection.name)).withUnsafeBytes { Array($0) }
        return MaskSet(rules: connection.masks, binary: connection.binary, key: MaskKey(bytes: key))
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
        entry.configuration.opa = newer.opa
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

    /// Nil while something must be known of what the command names, and where somebody outside is to be asked too.
    func verdict(on subject: CommandSubject) -> Verdict? {
        guard subject.oracleQuestions.isEmpty else { return nil }
        let box = box.withLock { $0 }
        if box.policy.isConstant {
            guard let memo = subject.memo else { return box.policy.evaluate(subject) }
            if let known = memo.verdict(by: box) { return known }
            let verdict = box.policy.evaluate(subject)
            memo.keep(verdict, by: box)
            return verdict
        }
        let own = box.policy.evaluate(Self.timed(subject, box.policy))
        return box.policy.external == nil || own.kind == .block ? own : nil
    }

    func question(about subject: CommandSubject) -> TargetQuestion? {
        let policy = box.withLock { $0 }.policy
        return policy.asksTarget ? policy.question(about: Self.timed(subject, policy)) : nil
    }

    /// Who is asked outside, and what the rules say by themselves.
    func question(on subject: CommandSubject) -> (external: ExternalPolicy, own: Verdict)? {
        let policy = box.withLock { $0 }.policy
        return policy.external.map { ($0, policy.evaluate(Self.timed(subject, policy))) }
    }

    /// The verdict of the rules of now with what was said outside.
    func verdict(on subject: CommandSubject, said: ExternalVerdict) -> Verdict {
        let policy = box.withLock { $0 }.policy
        return policy.evaluate(Self.timed(subject, policy), said: said)
    }

    /// The one place where a verdict meets the clock.
    private static func timed(_ subject: CommandSubject, _ policy: PolicySnapshot) -> CommandSubject {
        guard policy.dependsOnTime else { return subject }
        var subject = subject
        subject.time = Timestamp.wall()
        return subject
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
        place.speaksHTTP2 = speaksHTTP2
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
