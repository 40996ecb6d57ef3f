import CredentialVault
import Identity
import Yams

/// Reads the whole file's mapping.
struct ConfigurationReader {
    let file: String
    private(set) var context: ReadingContext

    init(file: String, context: ReadingContext) {
        self.file = file
        self.context = context
    }

    mutating func configuration(_ root: Value) -> Configuration? {
        guard
            let section = root.section(
                [
                    "data", "listen", "tls", "identity", "roles", "session", "durability", "vault", "ledger",
                    "max_sessions", "timeouts", "retention", "sinks", "notify",
                    "detectors", "policy", "connections",
                ], later: ["storage"])
        else { return nil }
        let data = section.read("data", or: context.absolute("data")) { context.path($0) }
        let identity = section["identity"].flatMap { IdentityReader(context: context).read($0) }
        context.issuers = identity?.names ?? []
        if section["identity"] == nil {
            root.problem(
                "`identity` is missing, so nobody could sign in", fix: "write identity: {local: true} or list issuers")
        }
        let standardKey = data.map { VaultKeySource.file(Self.parent(of: $0) + "vault.key") }
        let vaultKey = section["vault"].map { readVaultKey($0) } ?? standardKey
        let listen = section["listen"].map { readListen($0) } ?? .standard
        let tls = section.read("tls", or: .auto) { readTLS($0, listen) }
        let roles = section["roles"].map { readRoles($0) } ?? RolesConfiguration()
        let session = section["session"].map { readSession($0) } ?? SessionLife()
        let durability = section.read("durability", or: .command) { $0.choice(DurabilityLevel.self) }
        let ledger = section["ledger"].map { LedgerReader(context: context).read($0) } ?? LedgerConfiguration()
        let sessions = section.read("max_sessions", or: 1000) { $0.int(1...100_000) }
        let timeouts = section.read("timeouts", or: (30, 30)) { readTimeouts($0) }
        let sinks = section["sinks"].map { SinkReader(context: context, data: data).read($0) } ?? []
        let notify = section["notify"].map { NotifyReader(context: context).read($0) } ?? []
        context.detectors = DetectorReader().detectors(section["detectors"])
        var connections = readConnections(section)
        SharedRuleReader(issuers: context.issuers).apply(section["policy"], to: &connections)
        var retention = RetentionReader(connections: Set(connections.map(\.name)))
        let rules = section["retention"].map { retention.read($0) } ?? []
        guard let data, let vaultKey, let identity, let tls, let durability, let sessions, let timeouts else {
            return nil
        }

        var configuration = Configuration(file: file, data: data, vaultKey: vaultKey)
        configuration.listen = listen
        configuration.tls = tls
        configuration.issuers = identity.issuers
        configuration.introspection = identity.introspection
        configuration.localIssuer = identity.local
        configuration.roles = roles
        configuration.session = session
        configuration.durability = durability
        configuration.ledger = ledger
        configuration.maximumSessions = sessions
        (configuration.signInSeconds, configuration.stallSeconds) = timeouts
        configuration.sinks = sinks
        configuration.notify = notify
        configuration.connections = connections
        configuration.retention = rules
        return configuration
    }

    private func readListen(_ value: Value) -> ListenConfiguration {
        var listen = ListenConfiguration()
        let keys: Set<String> = ["postgres", "http", "console", "console_url"]
        guard let section = value.section(keys, later: ["ssh", "mysql", "kubernetes"]) else { return listen }
        listen.consoleURL = section["console_url"].flatMap(readConsoleURL)
        listen.postgres = section["postgres"].flatMap(readEndpoint)
        listen.http = section["http"].flatMap(readEndpoint)
        listen.console = section["console"].flatMap(readEndpoint)
        if section["postgres"] == nil, section["http"] == nil, section["console"] == nil {
            value.problem(
                "there is nothing to listen on",
                fix: "write listen: {postgres: 127.0.0.1:6432, console: 127.0.0.1:6090}")
        }
        let all = [("postgres", listen.postgres), ("http", listen.http), ("console", listen.console)]
        for (index, (name, endpoint)) in all.enumerated() {
            guard let endpoint, let other = all[..<index].first(where: { $0.1 == endpoint }) else { continue }
            section[name]?.problem("\(other.0) and \(name) share one address", fix: "give each its own port")
        }
        return listen
    }

    /// Where people reach the console from outside, for links.
    private func readConsoleURL(_ value: Value) -> String? {
        guard let text = value.text() else { return nil }
        guard ReceiverReading.isUsable(text), !text.contains("?"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            !text.contains(where: { "<>|\"`".contains($0) })
        else {
            value.problem(
                "an https URL without user, query and fragment is expected\(value.shown)",
                fix: "write https://gateway.example.com:6090; http is for loopback only")
            return nil
        }
        return String(text.reversed().drop { $0 == "/" }.reversed())
    }

    private func readEndpoint(_ value: Value) -> Endpoint? {
        guard let text = value.text() else { return nil }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port)
        else {
            value.problem(
                "an address with a port from 1 to 65535 is expected\(value.shown)",
                fix: "write host:port, such as 127.0.0.1:6432")
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            host = ""
        }
        guard !host.isEmpty, !host.contains(where: { $0 == "/" || $0 == "[" || $0 == "]" || $0 == " " }) else {
            value.problem(
                "the host is missing or broken\(value.shown)", fix: "write host:port, with an IPv6 address in brackets")
            return nil
        }
        return Endpoint(host: host, port: port)
    }

    private func readTLS(_ value: Value, _ listen: ListenConfiguration) -> TLSConfiguration? {
        switch value.rawText {
        case "auto": return .auto
        case "off":
            for endpoint in [listen.postgres, listen.http, listen.console].compactMap({ $0 }) where !endpoint.isLoopback
            {
                value.problem(
                    "without TLS tokens and answers would cross the network in the clear, and \(endpoint) is not on loopback",
                    fix: "write tls: auto or {certificate: …, key: …}, or listen on 127.0.0.1")
            }
            return .off
        case .some:
            value.problem(
                "there is no such mode\(value.shown)", fix: "write auto, off or {certificate: file, key: file}")
            return nil
        case nil:
            guard let section = value.section(["certificate", "key"], later: ["client_authority"]) else { return nil }
            let certificate = section.required("certificate", "name the PEM file with the certificate chain").flatMap {
                context.file($0)
            }
            let key = section.required("key", "name the PEM file with the private key").flatMap { context.file($0) }
            guard let certificate, let key else { return nil }
            return .files(certificate: certificate, key: key)
        }
    }

    private func readRoles(_ value: Value) -> RolesConfiguration {
        var roles = RolesConfiguration()
        guard let section = value.section(["admin", "auditor", "approver"]) else { return roles }
        roles.admin = section["admin"].flatMap { context.accessList($0) } ?? AccessList()
        roles.auditor = section["auditor"].flatMap { context.accessList($0) } ?? AccessList()
        roles.approver = section["approver"].flatMap { context.accessList($0) } ?? AccessList()
        return roles
    }

    private func readSession(_ value: Value) -> SessionLife {
        var life = SessionLife()
        guard let section = value.section(["max", "idle", "on_token_expiry", "grace"]) else { return life }
        if let max = section["max"]?.duration() { life.max = Int64(max) }
        if let idle = section["idle"]?.duration() { life.idle = Int64(idle) }
        if let expiry = section["on_token_expiry"]?.choice(SessionLife.TokenExpiry.self) { life.onTokenExpiry = expiry }
        if let grace = section["grace"]?.duration() { life.grace = Int64(grace) }
        return life
    }

    private func readVaultKey(_ value: Value) -> VaultKeySource? {
        guard let section = value.section(["key"]),
            let key = section.required("key", "write vault: {key: {file: ./vault.key}}")?.section([
                "file", "env", "command",
            ])
        else { return nil }
        switch (key["file"], key["env"], key["command"]) {
        case (let file?, nil, nil):
            return context.path(file).map { .file($0) }
        case (nil, let env?, nil):
            return env.text().map { .environment($0) }
        case (nil, nil, let command?):
            let words = command.texts()
            if let program = words.first, !program.hasPrefix("/") {
                command.problem(
                    "the program's path is not absolute",
                    fix: "write its whole path, such as [/usr/bin/pass, show, vault]")
            }
            return words.isEmpty ? nil : .command(words)
        default:
            key.value.problem("the vault key comes from one place", fix: "write one of file, env and command")
            return nil
        }
    }

    private func readTimeouts(_ value: Value) -> (signIn: Int, stall: Int)? {
        guard let section = value.section(["sign_in", "stall"]),
            let signIn = section.read("sign_in", or: 30, { $0.duration(1...600) }),
            let stall = section.read("stall", or: 30, { $0.duration(5...3600) })
        else { return nil }
        return (signIn, stall)
    }

    private func readConnections(_ section: Section) -> [ConnectionConfiguration] {
        guard let value = section.required("connections", "list at least one connection") else { return [] }
        let shared = section["policy"]?.node.sequence ?? []
        let reader = ConnectionReader(
            context: context, sharedRulesHold: shared.contains { $0.mapping?["then"]?.scalar?.string == "hold" })
        var names: [String: Int] = [:]
        var hosts: [String: Int] = [:]
        return value.list().compactMap { element in
            Self.note("name", "named", of: element, in: &names)
            Self.note("host", "with the host", of: element, in: &hosts)
            return reader.connection(element)
        }
    }

    /// What two connections may not have in common; `lines` tells where each was given first.
    private static func note(_ key: String, _ words: String, of element: Value, in lines: inout [String: Int]) {
        guard let node = element.node.mapping?[key], let text = node.scalar?.string else { return }
        let own = key == "host" ? text.lowercased() : text
        if let line = lines[own] {
            element.log.problem(
                node.mark, "\(element.path).\(key)",
                "there are two connections \(words) `\(own.prefix(60))`, the first in line \(line)",
                fix: "give each its own \(key)")
        } else {
            lines[own] = node.mark?.line ?? 0
        }
    }

    private static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }
}

extension ListenConfiguration {
    /// Where the gateway listens when the file does not say.
    static let standard = ListenConfiguration(
        postgres: Endpoint(host: "127.0.0.1", port: 6432), console: Endpoint(host: "127.0.0.1", port: 6090))
}
