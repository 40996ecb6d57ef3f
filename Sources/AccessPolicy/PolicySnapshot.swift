import Crypto
package import GatewayCore

/// Problems with the rules of a connection, each with the place of its rule in the list.
package struct PolicyProblems: Error, Sendable {
    package var list: [(rule: Int, problem: RuleProblem)]
}

/// A connection's policy, compiled: immutable, so any thread may ask it, and a change makes a new one.
package struct PolicySnapshot: Sendable {
    /// First 16 hexadecimal digits of SHA-256 over the policy's canonical source; entries name it.
    package let version: String
    package let notUnderstood: NotUnderstoodPolicy
    package let isReadOnly: Bool
    /// What happens to a call whose effect is not known, unless a guard that names `unknown_effect` applies: hold where
    /// any guard or read_only exists (by the terms of the first hold in the file; where there is none, block), else allow.
    package let unknownEffect: NotUnderstoodPolicy
    /// Whether `CommandSubject.time` is asked for.
    package let dependsOnTime: Bool
    /// Whether `CommandSubject.estimate` may be asked for.
    package let dependsOnEstimate: Bool
    /// Whether `CommandSubject.searchPath` may be asked for.
    private let dependsOnPath: Bool
    /// Whether `question` ever asks anything.
    package var asksTarget: Bool { dependsOnPath || dependsOnEstimate }
    /// Who is asked about each command too.
    package let external: ExternalPolicy?
    /// A verdict holds for every command with the same subject.
    package var isConstant: Bool { !dependsOnTime && !dependsOnEstimate && external == nil }
    /// As written, in their order.
    package var rules: [GuardRule] { guards.map(\.rule) }
    private let guards: [CompiledGuard]
    /// Rules that decide about unknown effects where they apply.
    private let namesUnknownEffect: Set<String>

    /// - Parameters:
    ///   - notUnderstood: nil for the default: block where any control exists, else allow.
    ///   - hasMasks: whether the connection masks, which is a control too.
    package init(
        guards: [GuardRule] = [], readOnly: Bool = false, notUnderstood: NotUnderstoodPolicy? = nil,
        hasMasks: Bool = false, external: ExternalPolicy? = nil
    ) throws(PolicyProblems) {
        var all: [(rule: Int, problem: RuleProblem)] = []
        var compiled: [CompiledGuard] = []
        for (index, rule) in guards.enumerated() {
            var problems: [RuleProblem] = []
            if let ready = CompiledGuard(rule, problems: &problems) { compiled.append(ready) }
            if guards[..<index].contains(where: { $0.name == rule.name }) {
                problems.append(
                    RuleProblem(key: "name", what: "two guards are named `\(rule.name)`", fix: "give each its own name")
                )
            }
            all += problems.map { (index, $0) }
        }
        guard all.isEmpty else { throw PolicyProblems(list: all) }
        self.guards = compiled
        isReadOnly = readOnly
        dependsOnTime = guards.contains { $0.when.time != nil }
        dependsOnEstimate = guards.contains { $0.when.estimatedRowsOver != nil }
        dependsOnPath = compiled.contains(where: \.hangsOnPath)
        self.external = external
        // What only observes is no control, so nothing is refused because of it.
        let controls = guards.filter { !$0.isObserved }
        namesUnknownEffect = Set(controls.lazy.filter(Self.namesUnknownEffect).map(\.name))
        unknownEffect = Self.unknownEffect(controls, readOnly)
        self.notUnderstood =
            notUnderstood ?? (!controls.isEmpty || readOnly || hasMasks || external != nil ? .block : .allow)
        version = Self.version(guards, readOnly, self.notUnderstood, external)
    }

    /// The strictest of all that applies; of equally strict rules the first in the file decides the message, and a hold
    /// needs all groups'
    /// terms, so the first's groups with the highest count and the shortest time.
    ///
    /// - Parameter said: what `external` says of it.
    package func evaluate(_ subject: CommandSubject, said: ExternalVerdict? = nil) -> Verdict {
        guard dependsOnEstimate, subject.estimate == nil else { return judge(subject, said) }
        let verdict = judge(Self.aboutNothing(subject), said)
        return verdict.kind == .block ? verdict : judge(subject, said)
    }

    /// What the target shall be asked about the command before its verdict; the path first, since the rest hangs on it.
    package func question(about subject: CommandSubject) -> TargetQuestion? {
        if dependsOnPath, subject.searchPath.schemas == nil, !subject.pathWasAsked, Self.namesWithoutSchema(subject) {
            let mask = ClassMask(subject.classes)
            if guards.contains(where: { $0.hangsOnPath && $0.mayBeMet(by: mask) }) { return .searchPath }
        }
        return wantsEstimate(subject) ? .rows : nil
    }

    private static func namesWithoutSchema(_ subject: CommandSubject) -> Bool {
        subject.reads.contains { $0.schema.isEmpty } || subject.writes.contains { $0.schema.isEmpty }
    }

    /// Whether the target shall be asked how many rows it is about: some rule hangs on it, and nothing else blocks already.
    package func wantsEstimate(_ subject: CommandSubject) -> Bool {
        guard dependsOnEstimate, subject.estimate == nil else { return false }
        let mask = ClassMask(subject.classes)
        return guards.contains { $0.hangsOnEstimate && $0.matches(subject, mask) }
            && judge(Self.aboutNothing(subject), nil).kind != .block
    }

    private static func aboutNothing(_ subject: CommandSubject) -> CommandSubject {
        var subject = subject
        subject.estimate = .rows(0)
        return subject
    }

    private func judge(_ subject: CommandSubject, _ said: ExternalVerdict?) -> Verdict {
        var verdict = Verdict(kind: .allow, policy: version)
        let mask = ClassMask(subject.classes)
        if isReadOnly, let change = ReadOnly.objection(to: subject) {
            Self.take(
                .block, "read_only", "This connection is read-only, and \(change) could change something.", nil,
                into: &verdict)
        }
        var unread: NotUnderstood?
        for compiled in guards {
            let rule = compiled.rule
            switch compiled.answer(subject, mask) {
            case .no: continue
            case .yes: break
            case .unknown(let why):
                // A rule that observes is no control, and one that allows lifts nothing.
                if !rule.isObserved, rule.then != .allow { unread = unread ?? Self.unread(why, rule) }
                guard rule.isObserved else { continue }
            }
            guard !rule.isObserved else {
                verdict.rules.append(rule.name)
                verdict.observed.append(rule.name)
                verdict.would = max(rule.then, verdict.would ?? .allow)
                continue
            }
            let message = rule.message ?? Self.defaultMessage(rule)
            Self.take(rule.then, rule.name, message, rule.approve, into: &verdict)
        }
        if subject.classes.contains(.unknownEffect), !verdict.rules.contains(where: namesUnknownEffect.contains) {
            switch unknownEffect {
            case .allow: break
            case .hold(let terms):
                Self.take(.hold, "unknown_effect", Self.words(forUnknown: subject), terms, into: &verdict)
            case .block: Self.take(.block, "unknown_effect", Self.words(forUnknown: subject), nil, into: &verdict)
            }
        }
        if let oracle = subject.oracle {
            // A hold by the terms of the first hold in the file; where there is none, nobody could approve.
            let terms = guards.lazy.compactMap(\.rule.approve).first
            Self.take(
                oracle.then == .hold && terms == nil ? .block : oracle.then, "oracle", oracle.message, terms,
                into: &verdict)
        }
        if let said { take(said, into: &verdict) }
        if let reason = Self.missing(subject) ?? unread {
            let message = Self.words(for: reason)
            switch notUnderstood {
            case .allow: Self.take(.allow, "not_understood", message, nil, into: &verdict)
            case .hold(let terms): Self.take(.hold, "not_understood", message, terms, into: &verdict)
            case .block:
                Self.take(.block, "not_understood", message, nil, into: &verdict)
                if verdict.decidedBy == ["not_understood"] { verdict.code = reason.code }
            }
        }
        if let would = verdict.would, would <= verdict.kind { verdict.would = nil }
        return verdict
    }

    private func take(_ said: ExternalVerdict, into verdict: inout Verdict) {
        var (kind, reason) = (said.kind, said.reason)
        let terms = external?.approve ?? guards.lazy.compactMap(\.rule.approve).first
        if kind == .hold, terms == nil {
            kind = .block
            reason = (reason.map { $0 + " " } ?? "") + "It is to be held, and nobody is named who could approve it."
        }
        Self.take(
            kind, ExternalPolicy.rule, reason ?? "The policy service does not allow this command.", terms,
            into: &verdict)
    }

    private static func unread(_ why: NotUnderstood, _ rule: GuardRule) -> NotUnderstood {
        var why = why
        why.message = "rule \(rule.name) asks for the body, and \(why.message)"
        return why
    }

    /// How `evaluate` comes to its verdict, step by step; never asked on the data path.
    package func explain(_ subject: CommandSubject) -> [PolicyStep] {
        var steps: [PolicyStep] = []
        let mask = ClassMask(subject.classes)
        if isReadOnly {
            let change = ReadOnly.objection(to: subject)
            steps.append(
                PolicyStep(
                    rule: "read_only", then: .block, isMet: change != nil,
                    reasons: [change.map { "\($0) could change something" } ?? "nothing in it could change anything"]))
        }
        var unread: NotUnderstood?
        for compiled in guards {
            let rule = compiled.rule
            let answer = compiled.answer(subject, mask)
            if case .unknown(let why) = answer, !rule.isObserved, rule.then != .allow {
                unread = unread ?? Self.unread(why, rule)
            }
            let isMet = if case .yes = answer { true } else { false }
            steps.append(
                PolicyStep(
                    rule: rule.name, then: rule.then, isObserved: rule.isObserved, isMet: isMet,
                    reasons: compiled.reasons(subject)))
        }
        let calls = subject.unknownCalls.joined(separator: ", ")
        let isDecided = steps.contains { $0.isMet && namesUnknownEffect.contains($0.rule) }
        steps.append(
            PolicyStep(
                rule: "unknown_effect", then: unknownEffect.kind,
                isMet: unknownEffect.kind != .allow && subject.classes.contains(.unknownEffect) && !isDecided,
                reasons: [
                    subject.classes.contains(.unknownEffect)
                        ? "not known: \(calls)" + (isDecided ? "; a guard on unknown_effect decides" : "")
                        : "every function, operator and cast is known"
                ]))
        if let external {
            steps.append(
                PolicyStep(
                    rule: ExternalPolicy.rule, then: .block, isMet: false,
                    reasons: ["needs the server: \(external.url) is asked about each command, and is not here"]))
        }
        let reason = Self.missing(subject) ?? unread
        steps.append(
            PolicyStep(
                rule: "not_understood", then: notUnderstood.kind, isMet: reason != nil,
                reasons: [reason?.message ?? "all that a rule asks about was understood"]))
        return steps
    }

    /// Why the subject could change something, by its classification alone; nil when it only reads.
    package static func possibleChange(of subject: CommandSubject) -> String? {
        if let reason = missing(subject) { return "not understood: \(reason.message)" }
        if subject.classes.contains(.unknownEffect) { return "unknown_effect" }
        return ReadOnly.objection(to: subject)
    }

    private static func missing(_ subject: CommandSubject) -> NotUnderstood? {
        subject.notUnderstood
            ?? (subject.classes.contains(.unknown) ? NotUnderstood(message: "unknown statement") : nil)
    }

    private static func namesUnknownEffect(_ rule: GuardRule) -> Bool {
        rule.when.statement.contains { $0.lowercased() == StatementClass.unknownEffect.rawValue }
    }

    private static func unknownEffect(_ guards: [GuardRule], _ readOnly: Bool) -> NotUnderstoodPolicy {
        guard !guards.isEmpty || readOnly else { return .allow }
        return guards.lazy.compactMap(\.approve).first.map { .hold($0) } ?? .block
    }

    private static func words(forUnknown subject: CommandSubject) -> String {
        let calls = subject.unknownCalls.prefix(5).joined(separator: ", ")
        return "What it calls may do anything that a rule is about: \(calls). "
            + "A guard on unknown_effect decides about such calls."
    }

    private static func take(
        _ kind: VerdictKind, _ name: String, _ message: String, _ terms: HoldTerms?, into verdict: inout Verdict
    ) {
        verdict.rules.append(name)
        if kind == verdict.kind { verdict.decidedBy.append(name) }
        if kind > verdict.kind {
            verdict.kind = kind
            verdict.decidedBy = [name]
            verdict.message = message
            verdict.hold = kind == .hold ? terms ?? HoldTerms(groups: []) : nil
        } else if kind == .hold, verdict.kind == .hold, let first = verdict.hold, let terms {
            let hold = first.combined(with: terms)
            if hold.groups.isEmpty {
                verdict.kind = .block
                verdict.hold = nil
                verdict.message =
                    "Rules \(verdict.decidedBy.joined(separator: ", ")) hold this command for different groups, so nobody could approve it."
            } else {
                verdict.hold = hold
            }
        }
    }

    private static func defaultMessage(_ rule: GuardRule) -> String {
        switch rule.then {
        case .allow: ""
        case .hold: "Rule \(rule.name) holds this command until it is approved."
        case .block: "Rule \(rule.name) does not allow this command."
        }
    }

    /// What was not understood, where, and which setting changes it.
    private static func words(for reason: NotUnderstood) -> String {
        var text = "The command was not understood, so no rule could judge it: \(reason.message)"
        if let position = reason.position { text += " (at character \(position))" }
        text += "."
        if let setting = reason.setting { text += " The setting is \(setting)." }
        return text
    }

    private static func version(
        _ guards: [GuardRule], _ readOnly: Bool, _ notUnderstood: NotUnderstoodPolicy, _ external: ExternalPolicy?
    ) -> String {
        // Each part with its length, so that no two policies have one source.
        var source: [UInt8] = []
        func put(_ text: String) { source.append(contentsOf: Array("\(text.utf8.count):\(text)".utf8)) }
        func put(_ terms: HoldTerms?) {
            put(terms.map { "\($0.count)/\($0.within)/\($0.groups.count)" } ?? "-")
            for group in terms?.groups ?? [] { put(group) }
            put(terms?.wait.map(String.init) ?? "-")
            switch terms?.scope {
            case .same(let seconds, let reach): put("\(seconds)/\(reach.rawValue)")
            case .once, nil: put("-")
            }
        }
        put("3")
        if let external {
            put("opa \(external.timeout)")
            put(external.url)
            put(external.approve)
        }
        put(readOnly ? "read_only" : "")
        switch notUnderstood {
        case .allow: put("allow")
        case .block: put("block")
        case .hold(let terms):
            put("hold")
            put(terms)
        }
        for rule in guards {
            put(rule.name)
            put(String(rule.when.parts.count))
            for (key, values) in rule.when.parts {
                put("\(key)/\(values.count)")
                for value in values { put(value) }
            }
            put(rule.isObserved ? "log " + rule.then.rawValue : rule.then.rawValue)
            put(rule.approve)
            put(rule.message ?? "")
        }
        return String(
            decoding: SHA256.hash(data: source).prefix(8).flatMap {
                [UInt8.hexDigit($0 >> 4), UInt8.hexDigit($0 & 0xF)]
            }, as: UTF8.self)
    }
}
