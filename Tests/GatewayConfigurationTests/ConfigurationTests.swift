import AccessPolicy
import AuditLedger
import CredentialVault
import DataMasking
import Foundation
import GatewayConfiguration
import GatewayCore
import Glibc
import Identity
import Testing

/// The database part of the documented example.
private let example = """
    data: ./data
    listen: {postgres: 127.0.0.1:6432, console: "[::1]:6090"}
    tls: auto
    identity:
      issuers:
        - {url: https://idp.example.com, audience: [sallyport], claims: {groups: realm_access.roles, interactive: auth_time}, people: true}
      local: true
    roles: {admin: {groups: [platform]}, auditor: {groups: [security]}, approver: {groups: [dba], issuers: [https://idp.example.com]}}
    session: {max: 8h, idle: 1h, on_token_expiry: keep, grace: 10m}
    durability: strict
    vault: {key: {file: ./keys/vault.key}}
    ledger:
      {origin: gw-1.example.com, require: 1, max_unwitnessed: 60s,
      witnesses: [{url: "https://w.example.com/prefix/", key: w.example.com+b1181cb7+BFhmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm}]}
    max_sessions: 50
    timeouts: {sign_in: 10s}
    detectors:
      - {name: employee_id, pattern: "EMP-[0-9]{6}", validator: luhn}
    connections:
      - name: orders
        kind: postgres
        target: {host: 127.0.0.1, port: 5433, database: orders}
        databases: [orders, archive]
        credential: {username: app, password: {env: ORDERS_PASSWORD}}
        access: {groups: [data-agents]}
        record: {detail: full, responses_max: 64MiB}
        mask:
          - {detect: [credit_card, email], with: partial}
          - {columns: [customers.ssn], with: null, unknown: deny}
          - {detect: [employee_id, ip_address]}
        guard:
          - {name: no-ddl, when: {statement: [ddl]}, then: block, message: Schema changes go through migrations.}
          - {name: deletes, when: {statement: [delete, update], table: [orders]}, then: hold, approve: {groups: [dba], count: 2, within: 15m}}
          - {name: no-where, when: {statement: [delete, update], without: where}, then: block}
        not_understood: {then: hold, approve: {groups: [dba]}}
        limits: {rows: 100000, seconds: 300, command: 512KiB, tokens: 2000, message: 1GiB, row: 16MiB}
        labels: {team: shop}
      - {name: far, kind: postgres, target: {host: db.example.com, database: d}, databases: any, credential: {username: u},
         access: {subjects: [ci]}, read_only: true}
    retention: [{connections: [far], age: 2d}, {connections: ["*"], age: 400d, size: 50GiB}]
    """

private func errors(_ text: String, checkingSecrets: Bool = false) -> [ConfigurationProblem] {
    do throws(ConfigurationErrors) {
        _ = try Configuration.parse(text, path: "/etc/gw/gw.yaml", checkingSecrets: checkingSecrets)
        return []
    } catch {
        return error.problems
    }
}

@Suite struct ConfigurationTests {
    @Test func everythingOfTheExampleArrives() throws {
        let configuration = try Configuration.parse(example, path: "/etc/gw/gw.yaml", checkingSecrets: false)
        #expect(configuration.data == "/etc/gw/data")
        #expect(configuration.listen.postgres == Endpoint(host: "127.0.0.1", port: 6432))
        #expect(configuration.listen.console == Endpoint(host: "::1", port: 6090))
        #expect(configuration.tls == .auto)
        let issuer = try #require(configuration.issuers.first)
        #expect(
            issuer.url == "https://idp.example.com" && issuer.people && issuer.groupsClaim == ["realm_access", "roles"])
        #expect(issuer.interactiveClaim == ["auth_time"])
        #expect(configuration.localIssuer)
        #expect(configuration.roles.admin.groups == ["platform"] && configuration.roles.auditor.groups == ["security"])
        #expect(configuration.roles.approver.issuers == ["https://idp.example.com"])
        #expect(configuration.session == SessionLife(max: 28_800, idle: 3600, onTokenExpiry: .keep, grace: 600))
        #expect(configuration.durability == .strict)
        #expect(configuration.vaultKey == .file("/etc/gw/keys/vault.key"))
        #expect(configuration.origin == "gw-1.example.com")
        #expect(configuration.ledger.required == 1 && configuration.ledger.maximumUnwitnessed == 60)
        #expect(configuration.ledger.witnesses.map(\.url) == ["https://w.example.com/prefix"])
        #expect(configuration.ledger.witnesses.map(\.key.name) == ["w.example.com"])
        #expect(
            configuration.retention == [
                RetentionConfiguration(connections: ["far"], age: 172_800, size: nil),
                RetentionConfiguration(connections: nil, age: 34_560_000, size: 50 << 30),
            ])
        #expect(configuration.maximumSessions == 50 && configuration.signInSeconds == 10)
        #expect(configuration.warnings.isEmpty)

        let orders = try #require(configuration.connections.first)
        #expect(orders.name == "orders" && orders.kind == "postgres")
        #expect(orders.target == TargetConfiguration(host: "127.0.0.1", port: 5433, database: "orders", tls: .prefer))
        #expect(orders.databases == .list(["orders", "archive"]))
        #expect(orders.credential.username == "app" && orders.credential.password?.description == "env ORDERS_PASSWORD")
        #expect(orders.access.groups == ["data-agents"] && orders.access.issuers == nil)
        #expect(orders.masks.map(\.method) == [.partial, .null, .redact])
        #expect(orders.masks[2].detect.map(\.rawValue) == ["employee_id", "ipv4", "ipv6"])
        #expect(orders.masks[0].detect == [.creditCard, .email])
        #expect(orders.masks[1].columns.map(\.text) == ["customers.ssn"] && orders.masks[1].unknown == .deny)
        #expect(orders.guards.map(\.name) == ["no-ddl", "deletes", "no-where"])
        #expect(orders.guards[0].message == "Schema changes go through migrations.")
        #expect(orders.guards[1].approve == HoldTerms(groups: ["dba"], count: 2, within: 900))
        #expect(orders.guards[1].when == .init(statement: ["delete", "update"], table: ["orders"]))
        #expect(orders.guards[2].when.withoutWhere)
        #expect(orders.notUnderstood == .hold(HoldTerms(groups: ["dba"])))
        #expect(orders.limits.rows == 100_000 && orders.limits.seconds == 300 && orders.limits.command == 524_288)
        #expect(orders.limits.tokens == 2000 && orders.limits.message == 1 << 30 && orders.limits.row == 1 << 24)
        #expect(orders.limits.responses == 1 << 26)
        #expect(orders.labels == ["team": "shop"] && !orders.isReadOnly)

        let far = configuration.connections[1]
        #expect(far.target == TargetConfiguration(host: "db.example.com", port: 5432, database: "d", tls: .verifyFull))
        #expect(far.databases == .any && far.isReadOnly && far.credential.password == nil)
    }

    @Test func everyKeyOfAGuardArrives() throws {
        let text = example.replacing(
            "- {name: no-ddl,",
            with: """
                - {name: all, then: log, would: hold, when: {table: {not: [orders]}, schema: [audit], column: [a],
                        column_read: [b], column_written: [t.c], function: [f, s.g], joins: 3, without: [where, limit],
                        principal: [ann], group: {not: [dba]}, issuer: https://idp.example.com, agent: ["*"],
                        purpose: absent, time: {not: {days: [mon-fri], hours: ["08:00-18:00"], zone: Europe/Berlin}}}}
                      - {name: no-ddl,
                """)
        let rule = try #require(
            try Configuration.parse(text, path: "/x/y.yaml", checkingSecrets: false).connections[0].guards.first)
        #expect(rule.isObserved && rule.then == .hold)
        var parts: [String: [String]] = [:]
        for (key, values) in rule.when.parts { parts[key] = values }
        #expect(
            parts == [
                "table.not": ["orders"], "schema": ["audit"], "column": ["a"], "column_read": ["b"],
                "column_written": ["t.c"], "function": ["f", "s.g"], "joins": ["3"], "without": ["where", "limit"],
                "principal": ["ann"], "group.not": ["dba"], "issuer": ["https://idp.example.com"], "agent": ["*"],
                "purpose": ["absent"], "time.not": ["mon,tue,wed,thu,fri 08:00-18:00 Europe/Berlin"],
            ])
    }

    @Test func sharedRulesComeFirst() throws {
        let shared = """

            policy:
              - {name: everywhere, when: {statement: [grant]}, then: block, connections: ["*"]}
              - {name: labelled, when: {statement: [copy]}, then: block, connections: {labels: {team: [shop, pay]}}}
              - {name: far-only, when: {statement: [copy]}, then: log, connections: far}
            """
        let connections = try Configuration.parse(example + shared, path: "/x/y.yaml", checkingSecrets: false)
            .connections
        #expect(connections[0].guards.map(\.name) == ["everywhere", "labelled", "no-ddl", "deletes", "no-where"])
        #expect(connections[1].guards.map(\.name) == ["everywhere", "far-only"])
        let twice = errors(example + shared.replacing("everywhere", with: "no-ddl"))
        #expect(twice.map(\.key) == ["policy[0].name"] && twice[0].what.contains("of its own"))
        let nobody = errors(example + shared.replacing("[shop, pay]", with: "pay"))
        #expect(nobody.map(\.key) == ["policy[1].connections"] && nobody[0].what.contains("never apply"))
    }

    @Test func defaultsAreTheDocumentedOnes() throws {
        let configuration = try Configuration.parse(
            """
            identity: {local: true}
            connections: [{name: o, kind: postgres, target: {host: "::1", database: o}, credential: {username: u}, access: {groups: [g]}}]
            """, path: "/srv/gw.yaml")
        #expect(configuration.data == "/srv/data" && configuration.vaultKey == .file("/srv/vault.key"))
        #expect(configuration.durability == .command && configuration.tls == .auto)
        #expect(
            configuration.session == SessionLife() && configuration.maximumSessions == 1000
                && configuration.signInSeconds == 30)
        #expect(configuration.listen.postgres?.port == 6432 && configuration.listen.console?.port == 6090)
        let connection = configuration.connections[0]
        #expect(connection.databases == .own && connection.target.tls == .prefer && connection.notUnderstood == nil)
    }

    @Test func literalSecretsAreWarnedAboutButNotShown() throws {
        let text = example.replacingOccurrences(of: "{env: ORDERS_PASSWORD}", with: "hunter2-secret")
        let configuration = try Configuration.parse(text, path: "/etc/gw/gw.yaml", checkingSecrets: false)
        #expect(configuration.warnings.map(\.line) == [24])
        #expect(configuration.warnings.first?.key == "connections[0].credential.password")
        #expect(!"\(configuration.warnings)".contains("hunter2"))
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("hunter2"))
    }

    @Test func secretsMustBeThereForTheServerOnly() {
        let text = example.replacingOccurrences(of: "ORDERS_PASSWORD", with: "SALLYPORT_SURELY_ABSENT")
        #expect(errors(text).isEmpty)
        let found = errors(text, checkingSecrets: true)
        #expect(found.map(\.line) == [24])
        #expect(found.first?.what.contains("SALLYPORT_SURELY_ABSENT") == true)
    }

    @Test func missingFileIsToldByName() {
        #expect {
            try Configuration.loadOrExplain("/nowhere/at/all.yaml")
        } throws: { error in
            "\(error)" == "/nowhere/at/all.yaml: there is no such file. Fix: name the file with --config."
        }
    }

    @Test func problemsPrintOneALine() {
        let found = errors("data: x\ncolour: blue\nidentity: {local: maybe}\nconnections: []\n")
        #expect(
            ConfigurationErrors(problems: found).description.split(separator: "\n").map(String.init) == [
                "/etc/gw/gw.yaml:2:1: colour: the key `colour` is not known here. Fix: use one of connections, data, detectors, durability, "
                    + "identity, ledger, listen, max_sessions, notify, policy, retention, roles, session, sinks, timeouts, tls, vault.",
                "/etc/gw/gw.yaml:3:19: identity.local: true or false is expected. Fix: write true or false.",
                "/etc/gw/gw.yaml:4:14: connections: the list is empty, so this could never apply. Fix: list something, or leave the key out.",
            ])
    }

    @Test func brokenYAMLNeverCrashes() {
        let seed = UInt64.random(in: .min ... .max)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let bytes = Array(example.utf8)
        for _ in 0..<400 {
            var broken = bytes
            for _ in 0...next(3) {
                switch next(3) {
                case 0: broken.remove(at: next(broken.count))
                case 1: broken[next(broken.count)] = UInt8(next(128))
                default: broken.insert(contentsOf: Array("[{:- \n".utf8).prefix(1 + next(6)), at: next(broken.count))
                }
            }
            let text = String(decoding: broken, as: UTF8.self)
            for problem in errors(text) {
                #expect(!problem.what.isEmpty && !problem.fix.isEmpty, "seed \(seed)")
            }
        }
    }

    @Test func sinks() throws {
        setenv("SALLYPORT_SINK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1)
        let text = """
            identity: {local: true}
            sinks:
              - {kind: file, path: /tmp/events.jsonl, format: ocsf}
              - {name: shipped, kind: file, path: /tmp/b.jsonl, from: now, mode: 0640, rotate: {size: 1MiB, keep: 3}}
              - name: hook
                kind: https
                url: https://siem.example:8443/in?token=t
                secret: [{env: SALLYPORT_SINK}, {env: SALLYPORT_SINK}]
                headers: {X-Key: {env: SALLYPORT_SINK}}
                body: lines
                batch: {events: 7, bytes: 64KiB, wait: 5s}
                timeout: 10s
            connections:
              - {name: a, kind: postgres, target: {host: 127.0.0.1, database: d}, credential: {username: u}, access: {groups: [g]}}
            """
        let sinks = try Configuration.parse(text, path: "/etc/gw.yaml").sinks
        #expect(sinks.map(\.name) == ["file", "shipped", "hook"] && sinks.map(\.kind) == ["file", "file", "https"])
        #expect(sinks.map(\.format) == [.ocsf, .json, .json] && sinks.map(\.start) == [.start, .now, .start])
        guard case .file(let plain) = sinks[0].destination, case .file(let file) = sinks[1].destination,
            case .https(let hook) = sinks[2].destination
        else { throw Failure.kinds }
        #expect(plain == FileSinkConfiguration(path: "/tmp/events.jsonl", size: 64 << 20, keep: 10, mode: 0o600))
        #expect(file == FileSinkConfiguration(path: "/tmp/b.jsonl", size: 1 << 20, keep: 3, mode: 0o640))
        #expect(hook.url == "https://siem.example:8443/in?token=t" && hook.secrets.count == 2 && hook.body == .lines)
        #expect(hook.headers.map(\.name) == ["X-Key"] && hook.authority == nil)
        #expect(hook.events == 7 && hook.bytes == 64 << 10 && hook.wait == 5 && hook.timeout == 10)
    }

    private enum Failure: Error { case kinds }
}
