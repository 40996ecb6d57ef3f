import AccessPolicy
import CredentialVault
import GatewayCore
import Identity
import Yams

/// Reads one element of `connections:`.
struct ConnectionReader {
    let context: ReadingContext
    /// A rule of `policy`, which may be for the connection, holds.
    let sharedRulesHold: Bool

    /// Kinds that the product has but this version has not.
    private static let laterKinds: Set<String> = ["mysql", "ssh", "llm", "mcp", "kubernetes"]

    func connection(_ value: Value) -> ConnectionConfiguration? {
        // The kind decides which keys there are, so it is read first.
        let kind = value.node.mapping?["kind"]?.scalar?.string ?? "postgres"
        if !["postgres", "http"].contains(kind) {
            let mark = value.node.mapping?["kind"]?.mark
            if Self.laterKinds.contains(kind) {
                value.log.problem(
                    mark, value.path + ".kind", "connections of kind \(kind) are not available in this version",
                    fix: "use kind: postgres or http, or remove the connection")
            } else {
                value.log.problem(
                    mark, value.path + ".kind", "there is no kind `\(kind.prefix(60))`",
                    fix: "did you mean `postgres` or `http`? They are the kinds of this version")
            }
            return nil
        }
        let common: Set<String> = [
            "name", "kind", "target", "credential", "access", "break_glass", "labels", "record", "guard", "read_only",
            "not_understood", "opa", "limits", "mask",
        ]
        let later: Set<String> = ["retention", "max_unwitnessed"]
        let isHTTP = kind == "http"
        guard
            let section = value.section(
                isHTTP ? common.union(["host", "binary"]) : common.union(["databases", "on_refusal"]), later: later)
        else { return nil }
        _ = section.required("kind", "write kind: postgres or http")
        let name = section.required("name", "name the connection; clients use it as their user name").flatMap(readName)
        let target: TargetConfiguration?
        let credential: CredentialConfiguration?
        if kind == "http" {
            let reader = HTTPConnectionReader(context: context)
            target = section.required("target", "write target: {url: https://…}").flatMap(reader.target)
            // An API may ask for none.
            credential = section.read("credential", or: .none, reader.credential)
        } else {
            target = section.required("target", "write target: {host: …, port: 5432, database: …}").flatMap(readTarget)
            credential = section.required("credential", "write credential: {username: …, password: {env: …}}").flatMap(
                readCredential)
        }
        let access = section.required(
            "access", "write access: {groups: […]}; without it nobody could use the connection"
        )
        .flatMap { context.accessList($0, besides: ["request"]) }
        let accessRequest = section["access"].flatMap(readAccessRequest)
        var limits = section["limits"].map { readLimits($0, isHTTP: isHTTP) } ?? LimitsConfiguration()
        if let record = section["record"] { readRecord(record, &limits) }
        let databases = section["databases"].map(readDatabases) ?? .own
        let host = section["host"].flatMap(HTTPConnectionReader.host)
        let labels = section["labels"].map(readLabels) ?? [:]
        let masks =
            isHTTP
            ? ContentMaskReader.masks(section["mask"], context.detectors)
            : PolicyReader.masks(section["mask"], context.detectors)
        let binary = ContentMaskReader.binary(section["binary"], hasMasks: !masks.isEmpty)
        let guards = PolicyReader.guards(section["guard"], issuers: context.issuers)
        section["guard"].map { ConditionScope.check(guards, in: $0, of: kind) }
        let isReadOnly = section["read_only"].map { $0.bool() ?? true } ?? false
        let notUnderstood = PolicyReader.notUnderstood(section["not_understood"])
        let opa = section["opa"].flatMap(readPolicyService)
        let onRefusal = section.read("on_refusal", or: .abort) { $0.choice(OnRefusal.self) }

        let breakGlass = section["break_glass"].flatMap { context.accessList($0) }
        let holds =
            opa != nil || sharedRulesHold || guards.contains { $0.then == .hold }
            || { if case .hold = notUnderstood { true } else { false } }()
        if let value = section["break_glass"], !holds {
            value.problem("nothing is held here, so there is nothing to pass", fix: "remove break_glass, or add a hold")
        }

        guard let name, let target, let credential, let access else { return nil }
        ClientCertificateReader.check(credential, target, in: section["credential"])
        var connection = ConnectionConfiguration(name: name, kind: kind, target: target, credential: credential)
        connection.host = host
        connection.access = access
        connection.accessRequest = accessRequest
        connection.breakGlass = breakGlass
        connection.limits = limits
        connection.databases = databases
        connection.labels = labels
        connection.masks = masks
        connection.binary = binary
        connection.guards = guards
        connection.isReadOnly = isReadOnly
        connection.notUnderstood = notUnderstood
        connection.opa = opa
        connection.continuesAfterRefusal = onRefusal == .continue
        return connection
    }

    /// The words after `on_refusal:`.
    private enum OnRefusal: String, CaseIterable {
        case abort
        case `continue`
    }

    private func readPolicyService(_ value: Value) -> ExternalPolicy? {
        guard let section = value.section(["url", "timeout", "approve"], later: ["token", "authority"]) else {
            return nil
        }
        let url = section.required("url", "write url: http://127.0.0.1:8181/v1/data/sallyport/verdict")
            .flatMap(ReceiverReading.url)
        let timeout = section.read("timeout", or: 500) { $0.milliseconds(10...9000) }
        let approve = section["approve"].flatMap(PolicyReader.readTerms)
        guard let url, let timeout, approve != nil || section["approve"] == nil else { return nil }
        return ExternalPolicy(url: url, timeout: timeout, approve: approve)
    }

    /// `access.request`.
    private func readAccessRequest(_ access: Value) -> AccessRequestConfiguration? {
        guard let node = access.node.mapping?["request"] else { return nil }
        let value = Value(node: node, path: access.path + ".request", mark: node.mark ?? access.mark, log: access.log)
        let own: Set<String> = ["approve", "for"]
        guard let section = value.section(own.union(["groups", "subjects", "issuers"])),
            let who = context.accessList(value, besides: own)
        else { return nil }
        if section["groups"] == nil, section["subjects"] == nil {
            value.problem("nobody may ask", fix: "name groups or subjects")
            return nil
        }
        let approve = section.required("approve", "write approve: {groups: […]}")
        let terms = approve.flatMap(PolicyReader.readTerms)
        if let approve, let terms, terms.wait != nil || terms.scope != .once {
            approve.problem("access has neither wait nor scope", fix: "leave them out; `for` says how long it lasts")
        }
        let seconds = section.required("for", "say for how long at most, such as for: 1h")?.duration(60...2_592_000)
        guard let terms, let seconds else { return nil }
        return AccessRequestConfiguration(who: who, terms: terms, seconds: seconds)
    }

    private func readName(_ value: Value) -> String? {
        guard let name = value.text() else { return nil }
        // PostgreSQL cuts user names at 63 bytes, and `+` and `/` part names elsewhere.
        let isPlain = name.utf8.allSatisfy { byte in
            byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26
                || [UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: ".")].contains(byte)
        }
        guard isPlain, name.utf8.count <= 63 else {
            value.problem(
                "the name is not one that every client can give",
                fix: "use up to 63 letters, digits, dots, dashes and underscores")
            return nil
        }
        return name
    }

    private func readTarget(_ value: Value) -> TargetConfiguration? {
        guard let section = value.section(["host", "port", "database", "tls", "authority"], later: ["url", "service"])
        else { return nil }
        let host = section.required("host", "write the host's name or address")?.text()
        let port = section.read("port", or: 5432) { $0.int(1...65_535) }
        let database = section.required("database", "name the database that clients get unless they name another")?
            .text()
        let authority = section["authority"].flatMap { context.file($0) }
        guard let host, let port, let database else { return nil }
        if host.hasPrefix("/") || host.contains(" ") || host.contains("@") {
            section["host"]?.problem(
                "`\(host.prefix(60))` is no host", fix: "write a name or an address; sockets are not supported")
            return nil
        }
        let isLoopback = Endpoint(host: host, port: port).isLoopback
        let standard = isLoopback ? TargetConfiguration.TLSMode.prefer : .verifyFull
        guard let tls = section.read("tls", or: standard, { $0.choice(TargetConfiguration.TLSMode.self) }) else {
            return nil
        }
        if authority != nil, tls != .verifyCA, tls != .verifyFull {
            section["authority"]?.problem(
                "with tls: \(tls.rawValue) no certificate is checked, so the authority does nothing",
                fix: "use tls: verify-full")
        }
        if !isLoopback, tls != .verifyFull, tls != .verifyCA {
            value.log.warning(
                section["tls"]?.mark, value.path + ".tls",
                "the target's certificate is not checked on the way to \(host)",
                fix: "use tls: verify-full")
        }
        return TargetConfiguration(host: host, port: port, database: database, tls: tls, authority: authority)
    }

    private func readCredential(_ value: Value) -> CredentialConfiguration? {
        let keys = ClientCertificateReader.keys.union(["username", "password"])
        guard let section = value.section(keys, later: ["vault"]) else { return nil }
        let username = section.required("username", "name the target's role")?.text()
        let password = section["password"].flatMap { context.secret($0) }
        guard let username, password != nil || section["password"] == nil else { return nil }
        var credential = CredentialConfiguration(username: username, password: password)
        credential.certificate = ClientCertificateReader(context: context).certificate(in: section)
        return credential
    }

    private func readDatabases(_ value: Value) -> ConnectionConfiguration.Databases {
        value.rawText == "any" ? .any : .list(value.texts())
    }

    private func readLabels(_ value: Value) -> [String: String] {
        let keys = value.node.mapping.map { Set($0.compactMap { $0.key.scalar?.string }) } ?? []
        guard let section = value.section(keys) else { return [:] }
        return keys.reduce(into: [:]) { labels, key in labels[key] = section[key]?.text() }
    }

    private func readRecord(_ value: Value, _ limits: inout LimitsConfiguration) {
        guard let section = value.section(["detail", "responses_max"]) else { return }
        if let detail = section["detail"] {
            switch detail.rawText {
            case "full": break
            case "commands", "operations":
                detail.problem(
                    "recording less than `full` is not available in this version",
                    fix: "write detail: full, or leave it out")
            default: detail.problem("there is no such detail\(detail.shown)", fix: "write detail: full")
            }
        }
        limits.responses = section["responses_max"].flatMap { $0.size(1024...1 << 40) }
    }

    private func readLimits(_ value: Value, isHTTP: Bool) -> LimitsConfiguration {
        var limits = LimitsConfiguration()
        // Rows and tokens are a database's; messages of HTTP are WebSocket's.
        let ofRequests: Set<String> = ["time", "seconds", "command", "pipeline", "message"]
        let all = ofRequests.union(["rows", "bytes", "tokens", "nesting", "row"])
        guard let section = value.section(isHTTP ? ofRequests.union(["answer_head"]) : all) else { return limits }
        limits.answerHead = section["answer_head"].flatMap { $0.duration(1...86_400) }
        limits.rows = section["rows"].flatMap { $0.int(1...Int.max) }
        limits.bytes = section["bytes"].flatMap { $0.size(1024...Int.max) }
        limits.seconds = section["seconds"].flatMap { $0.int(1...31_536_000) }
        if let time = section["time"] {
            if section["seconds"] != nil { time.problem("time and seconds say the same", fix: "leave one of them out") }
            limits.seconds = time.duration(1...31_536_000)
        }
        limits.command = section["command"].flatMap { $0.size(1024...1 << 24) }
        // The parser's stack holds what these bounds let through; they cannot be raised at will.
        limits.tokens = section["tokens"].flatMap { $0.int(100...20_000) }
        limits.nesting = section["nesting"].flatMap { $0.int(10...2_000) }
        limits.message = section["message"].flatMap { $0.size(1024...1 << 30) }
        limits.row = section["row"].flatMap { $0.size(1024...1 << 30) }
        limits.pipeline = section["pipeline"].flatMap { $0.size(1024...1 << 30) }
        return limits
    }
}
