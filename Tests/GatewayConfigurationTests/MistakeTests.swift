import GatewayConfiguration
import Glibc
import Testing

private let good = """
    data: ./data
    listen: {postgres: 127.0.0.1:6432, console: 127.0.0.1:6090}
    identity: {local: true}
    connections:
      - name: orders
        kind: postgres
        target: {host: 127.0.0.1, port: 5432, database: shop}
        credential: {username: app, password: {env: HOME}}
        access: {groups: [agents]}

    """

/// One mistake: what it replaces (nil: added at the end), and the line, key and words that must be told.
struct Mistake: Sendable, CustomTestStringConvertible {
    var old: String?
    var new: String
    var line: Int
    var key: String
    var words: String

    init(_ old: String? = nil, _ new: String, _ line: Int, _ key: String, _ words: String) {
        (self.old, self.new, self.line, self.key, self.words) = (old, new, line, key, words)
    }

    var testDescription: String { "\(key): \(words)" }
}

private let witnessKey = "w.example.com+b1181cb7+BFhmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm"
private let logKey = "gw-1.example.com+d5c493ee+AVhmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm"

private func oneWitness(_ url: String = "https://w.example.com", _ key: String = witnessKey) -> String {
    "{url: \"\(url)\", key: \"\(key)\"}"
}

private func witness(url: String = "https://w.example.com", key: String = witnessKey) -> String {
    "ledger: {witnesses: [\(oneWitness(url, key))]}\n"
}

private func sink(_ members: String) -> String { "sinks: [{kind: file, \(members)}]\n" }

private func hook(_ members: String, secret: String = "{env: SALLYPORT_HOOK}") -> String {
    setenv("SALLYPORT_HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1)
    return "sinks: [{kind: https, secret: \(secret), \(members)}]\n"
}

private func notifyHook(_ url: String, _ more: String = "") -> String {
    setenv("SALLYPORT_HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1)
    return "notify: [{webhook: \"\(url)\", secret: {env: SALLYPORT_HOOK}\(more)}]\n"
}

/// `access` with these members besides the groups, in line 9.
private func accessMistake(_ members: String, _ key: String, _ words: String) -> Mistake {
    Mistake(
        "access: {groups: [agents], request: {\(members)}}", "access: {groups: [agents]}",
        "connections[0].access" + key,
        words)
}

private func guardMistake(_ when: String, _ key: String, _ words: String) -> Mistake {
    Mistake(
        "    guard: [{name: g, when: {\(when)}, then: block}]\n", 10, "connections[0].guard[0]." + key, words)
}

private func sharedMistake(_ members: String, _ key: String, _ words: String) -> Mistake {
    Mistake("policy: [{name: g, when: {statement: [ddl]}, then: block, \(members)}]\n", 10, key, words)
}

private let mistakes: [Mistake] = [
    // Keys
    Mistake("colour: blue\n", 10, "colour", "not known"),
    Mistake("    acces:", at: "    access:", 9, "connections[0].acces", "did you mean `access`"),
    Mistake("sinks: []\n", 10, "sinks", "list is empty"),
    Mistake("storage: {}\n", 10, "storage", "not available in this version"),
    // Notifications
    Mistake("notify: []\n", 10, "notify", "list is empty"),
    Mistake("notify: [{secret: {env: HOME}}]\n", 10, "notify[0]", "one of webhook and slack"),
    Mistake(
        "notify: [{webhook: \"https://a.example\", slack: {env: HOME}, secret: {env: HOME}}]\n", 10, "notify[0]",
        "one of webhook and slack"),
    Mistake("notify: [{webhook: \"https://a.example\"}]\n", 10, "notify[0]", "`secret` is missing"),
    Mistake(
        "notify: [{webhook: \"https://a.example\", secret: {env: HOME}}]\n", 10, "notify[0].secret",
        "no secret after Standard Webhooks"),
    Mistake(notifyHook("http://a.example"), 10, "notify[0].webhook", "https URL"),
    Mistake(notifyHook("https://u:p@a.example"), 10, "notify[0].webhook", "https URL"),
    Mistake(notifyHook("https://a.example", ", timeout: 2m"), 10, "notify[0].timeout", "out of range"),
    Mistake(notifyHook("https://a.example", ", name: A B"), 10, "notify[0].name", "cannot be used"),
    Mistake(notifyHook("https://a.example", ", url: x"), 10, "notify[0].url", "not known"),
    Mistake(notifyHook("https://a.example", ", authority: /nowhere"), 10, "notify[0].authority", "no file"),
    Mistake("notify: [{slack: {env: HOME}}]\n", 10, "notify[0].slack", "no https URL"),
    Mistake("notify: [{slack: {env: SALLYPORT_ABSENT}}]\n", 10, "notify[0].slack", "is not set"),
    Mistake(
        "notify: [{slack: {env: HOME}, secret: {env: HOME}}]\n", 10, "notify[0].secret", "is the secret itself"),
    Mistake(
        "console: 127.0.0.1:6090, console_url: \"http://gw.example.com\"", at: "console: 127.0.0.1:6090", 2,
        "listen.console_url", "https URL"),
    Mistake(
        "console: 127.0.0.1:6090, console_url: \"https://gw.example.com/?a=b\"", at: "console: 127.0.0.1:6090", 2,
        "listen.console_url", "https URL"),
    Mistake(
        "console: 127.0.0.1:6090, console_url: \"https://gw.example.com/>|\"", at: "console: 127.0.0.1:6090", 2,
        "listen.console_url", "https URL"),
    Mistake("retention: []\n", 10, "retention", "list is empty"),
    Mistake("retention: [{age: 400d}]\n", 10, "retention[0]", "`connections` is missing"),
    Mistake("retention: [{connections: [\"*\"]}]\n", 10, "retention[0]", "nothing would ever be erased"),
    Mistake("retention: [{connections: [\"*\"], age: 400}]\n", 10, "retention[0].age", "duration is expected"),
    Mistake("retention: [{connections: [\"*\"], size: much}]\n", 10, "retention[0].size", "size is expected"),
    Mistake("retention: [{connections: [\"*\"], size: 0}]\n", 10, "retention[0].size", "out of range"),
    Mistake("retention: [{connections: [\"*\"], ages: 1d}]\n", 10, "retention[0].ages", "did you mean `age`"),
    Mistake(
        "retention: [{connections: [order], age: 1d}]\n", 10, "retention[0].connections[0]", "did you mean `orders`"),
    Mistake(
        "retention: [{connections: [orders], age: 1d}, {connections: [orders], size: 1GiB}]\n", 10,
        "retention[1].connections[0]", "already says"),
    Mistake(
        "retention: [{connections: [\"*\"], age: 1d}, {connections: [orders], age: 2d}]\n", 10, "retention[1]",
        "could never apply"),
    Mistake("data: ./other\n", 1, "data", "more than once"),
    Mistake("[1]: 2\n", 10, "", "a key must be a text"),
    // Listening and TLS
    Mistake("127.0.0.1:0,", at: "127.0.0.1:6432,", 2, "listen.postgres", "port from 1 to 65535"),
    Mistake("127.0.0.1:70000,", at: "127.0.0.1:6432,", 2, "listen.postgres", "port from 1 to 65535"),
    Mistake("\":6432\",", at: "127.0.0.1:6432,", 2, "listen.postgres", "host is missing"),
    Mistake("\"::1:6432\",", at: "127.0.0.1:6432,", 2, "listen.postgres", "brackets"),
    Mistake("127.0.0.1:6090,", at: "127.0.0.1:6432,", 2, "listen.console", "share one address"),
    Mistake(
        "listen: {}", at: "listen: {postgres: 127.0.0.1:6432, console: 127.0.0.1:6090}", 2, "listen",
        "nothing to listen on"),
    Mistake("ssh: 127.0.0.1:6022,", at: "postgres: 127.0.0.1:6432,", 2, "listen.ssh", "not available"),
    Mistake(
        "tls: off\nlisten: {postgres: 0.0.0.0:6432,", at: "listen: {postgres: 127.0.0.1:6432,", 2, "tls",
        "not on loopback"),
    Mistake("tls: on\n", 10, "tls", "no such mode"),
    Mistake(
        "tls: {certificate: /nowhere/a.crt, key: /nowhere/a.key}\n", 10, "tls.certificate", "no file /nowhere/a.crt"),
    Mistake("tls: {certificate: /nowhere/a.crt}\n", 10, "tls", "`key` is missing"),
    // Identity
    Mistake("identity: {}", at: "identity: {local: true}", 3, "identity", "nobody could sign in"),
    Mistake("", at: "identity: {local: true}\n", 1, "", "`identity` is missing"),
    Mistake("identity: {local: yes}", at: "identity: {local: true}", 3, "identity.local", "true or false"),
    Mistake(
        "identity: {issuers: [{url: http://idp.example.com}]}", at: "identity: {local: true}", 3,
        "identity.issuers[0].url", "https"),
    Mistake(
        "identity: {issuers: [{url: http://127.0.0.1.evil.example}]}", at: "identity: {local: true}", 3,
        "identity.issuers[0].url", "https"),
    Mistake(
        "identity: {issuers: [{audience: [a]}]}", at: "identity: {local: true}", 3, "identity.issuers[0]",
        "`url` is missing"),
    Mistake(
        "identity: {issuers: [{url: https://a.example}, {url: https://a.example}]}", at: "identity: {local: true}", 3,
        "identity.issuers[1]", "listed twice"),
    Mistake(
        "identity: {issuers: [{url: https://a.example, algorithms: [none]}]}", at: "identity: {local: true}", 3,
        "identity.issuers[0].algorithms[0]", "none of the possible values"),
    Mistake("roles: {admin: {}}\n", 10, "roles.admin", "admits nobody"),
    Mistake(
        "roles: {admin: {groups: [a], issuers: [https://x.example]}}\n", 10, "roles.admin.issuers[0]",
        "no configured issuer"),
    // Session, durability, vault, numbers
    Mistake("session: {max: 8 fortnights}\n", 10, "session.max", "duration is expected"),
    Mistake("session: {max: 8}\n", 10, "session.max", "duration is expected"),
    Mistake("session: {idle: 0s}\n", 10, "session.idle", "out of range"),
    Mistake("session: {on_token_expiry: never}\n", 10, "session.on_token_expiry", "none of the possible values"),
    Mistake("durability: strickt\n", 10, "durability", "did you mean `strict`"),
    Mistake("vault: {key: {}}\n", 10, "vault.key", "one place"),
    Mistake("vault: {key: {file: a, env: B}}\n", 10, "vault.key", "one place"),
    Mistake("vault: {key: {command: [pass, show]}}\n", 10, "vault.key.command", "not absolute"),
    Mistake("ledger: {origin: a b}\n", 10, "ledger.origin", "no spaces"),
    Mistake("ledger: {require: 1}\n", 10, "ledger.require", "no checkpoint would ever be published"),
    Mistake("ledger: {max_unwitnessed: 60s}\n", 10, "ledger.max_unwitnessed", "no witnesses"),
    Mistake("ledger: {max_unwitnessed: 60}\n", 10, "ledger.max_unwitnessed", "duration is expected"),
    Mistake("ledger: {witnesses: [{url: \"https://w.example\"}]}\n", 10, "ledger.witnesses[0]", "`key` is missing"),
    Mistake(witness(key: "nonsense"), 10, "ledger.witnesses[0].key", "no verifier key"),
    Mistake(witness(key: logKey), 10, "ledger.witnesses[0].key", "a log's key"),
    Mistake(witness(url: "http://w.example.com"), 10, "ledger.witnesses[0].url", "https"),
    Mistake(witness(url: "https://u:p@w.example.com"), 10, "ledger.witnesses[0].url", "https"),
    Mistake(witness(url: "ftp://w.example.com"), 10, "ledger.witnesses[0].url", "https"),
    Mistake(
        "ledger: {witnesses: [\(oneWitness()), \(oneWitness())]}\n", 10, "ledger.witnesses[1]", "listed already"),
    // Sinks
    Mistake("sinks: [siem]\n", 10, "sinks[0]", "mapping is expected"),
    Mistake("sinks: [{path: /tmp/a}]\n", 10, "sinks[0]", "`kind` is missing"),
    Mistake("sinks: [{kind: otlp}]\n", 10, "sinks[0].kind", "not available in this version"),
    Mistake("sinks: [{kind: syslog-tls}]\n", 10, "sinks[0].kind", "not available in this version"),
    Mistake("sinks: [{kind: http}]\n", 10, "sinks[0].kind", "did you mean `https`"),
    Mistake("sinks: [{kind: file}]\n", 10, "sinks[0]", "`path` is missing"),
    Mistake(sink("path: /tmp/a, url: x"), 10, "sinks[0].url", "not known here"),
    Mistake(sink("path: /nowhere/a"), 10, "sinks[0].path", "no folder /nowhere"),
    Mistake(sink("path: /tmp"), 10, "sinks[0].path", "is a folder"),
    Mistake(sink("path: ./data/events.jsonl"), 10, "sinks[0].path", "lies in the data folder"),
    Mistake(sink("path: /tmp/a, name: a/b"), 10, "sinks[0].name", "cannot be used"),
    Mistake(sink("path: /tmp/a, name: .."), 10, "sinks[0].name", "cannot be used"),
    Mistake(sink("path: /tmp/a, format: cef"), 10, "sinks[0].format", "not available in this version"),
    Mistake(sink("path: /tmp/a, format: xml"), 10, "sinks[0].format", "json, ocsf"),
    Mistake(sink("path: /tmp/a, from: end"), 10, "sinks[0].from", "start, now"),
    Mistake(sink("path: /tmp/a, rotate: {size: 10}"), 10, "sinks[0].rotate.size", "out of range"),
    Mistake(sink("path: /tmp/a, rotate: {keep: 0}"), 10, "sinks[0].rotate.keep", "1 to 100000"),
    Mistake(sink("path: /tmp/a, rotate: {age: 1d}"), 10, "sinks[0].rotate.age", "not known here"),
    Mistake(sink("path: /tmp/a, mode: 0666"), 10, "sinks[0].mode", "0600, 0640 or 0644"),
    Mistake(
        "sinks:\n  - {kind: file, path: /tmp/a}\n  - {kind: file, path: /tmp/b}\n", 12, "sinks[1]",
        "two sinks named `file`, the first in line 11"),
    Mistake(
        "sinks:\n  - {kind: file, path: /tmp/a}\n  - {name: two, kind: file, path: /tmp/../tmp/a}\n", 12, "sinks[1]",
        "writes /tmp/a too"),
    Mistake(hook("url: http://siem.example"), 10, "sinks[0].url", "https"),
    Mistake(hook("url: \"https://u:p@siem.example\""), 10, "sinks[0].url", "https"),
    Mistake(hook("url: \"http://127.0.0.1.evil.example/\""), 10, "sinks[0].url", "https"),
    Mistake("sinks: [{kind: https, url: https://siem.example}]\n", 10, "sinks[0]", "forged"),
    Mistake("sinks: [{kind: https, secret: {env: X}}]\n", 10, "sinks[0]", "`url` is missing"),
    Mistake(hook("url: https://a.example", secret: "{env: HOME}"), 10, "sinks[0].secret", "whsec_"),
    Mistake(hook("url: https://a.example", secret: "whsec_c2hvcnQ="), 10, "sinks[0].secret", "24 to 64 bytes"),
    Mistake(hook("url: https://a.example", secret: "{env: SALLYPORT_ABSENT}"), 10, "sinks[0].secret", "is not set"),
    Mistake(hook("url: https://a.example, headers: {Host: {env: HOME}}"), 10, "sinks[0].headers.Host", "cannot be set"),
    Mistake(
        hook("url: https://a.example, headers: {webhook-id: {env: HOME}}"), 10, "sinks[0].headers.webhook-id",
        "cannot be set"),
    Mistake(
        hook("url: https://a.example, headers: {X-A: \"a\\r\\nb: c\"}"), 10, "sinks[0].headers.X-A", "printable ASCII"),
    Mistake(hook("url: https://a.example, batch: {events: 0}"), 10, "sinks[0].batch.events", "1 to 10000"),
    Mistake(hook("url: https://a.example, batch: {bytes: 1GiB}"), 10, "sinks[0].batch.bytes", "out of range"),
    Mistake(hook("url: https://a.example, batch: {wait: 1}"), 10, "sinks[0].batch.wait", "duration is expected"),
    Mistake(hook("url: https://a.example, timeout: 1h"), 10, "sinks[0].timeout", "out of range"),
    Mistake(hook("url: https://a.example, authority: /nowhere/ca.pem"), 10, "sinks[0].authority", "no file"),
    Mistake(hook("url: https://a.example, body: xml"), 10, "sinks[0].body", "webhook, array, lines"),
    Mistake("max_sessions: 0\n", 10, "max_sessions", "1 to 100000"),
    Mistake("timeouts: {sign_in: 1h}\n", 10, "timeouts.sign_in", "out of range"),
    // Connections
    Mistake(
        "", at: "    target: {host: 127.0.0.1, port: 5432, database: shop}\n", 5, "connections[0]",
        "`target` is missing"),
    Mistake("  - kind: postgres", at: "  - name: orders\n    kind: postgres", 5, "connections[0]", "`name` is missing"),
    Mistake("name: or/ders", at: "name: orders", 5, "connections[0].name", "not one that every client can give"),
    Mistake("kind: postgress", at: "kind: postgres", 6, "connections[0].kind", "no kind `postgress`"),
    Mistake("kind: mysql", at: "kind: postgres", 6, "connections[0].kind", "not available in this version"),
    Mistake("port: five,", at: "port: 5432,", 7, "connections[0].target.port", "not `five`"),
    Mistake("port: 70000,", at: "port: 5432,", 7, "connections[0].target.port", "1 to 65535"),
    Mistake("host: /run/pg,", at: "host: 127.0.0.1,", 7, "connections[0].target.host", "no host"),
    Mistake("tls: verify,", at: "port: 5432,", 7, "connections[0].target.tls", "verify-full"),
    Mistake(
        "{username: app, password: {env: SALLYPORT_ABSENT}}", at: "{username: app, password: {env: HOME}}", 8,
        "connections[0].credential.password", "SALLYPORT_ABSENT is not set"),
    Mistake(
        "{username: app, password: {file: /nowhere/pw}}", at: "{username: app, password: {env: HOME}}", 8,
        "connections[0].credential.password", "/nowhere/pw does not exist"),
    Mistake(
        "{username: app, password: {env: A, file: b}}", at: "{username: app, password: {env: HOME}}", 8,
        "connections[0].credential.password", "either"),
    Mistake(
        "{username: app, password: }", at: "{username: app, password: {env: HOME}}", 8,
        "connections[0].credential.password", "empty"),
    Mistake(
        "access: {groups: []}", at: "access: {groups: [agents]}", 9, "connections[0].access.groups", "list is empty"),
    Mistake("access: {}", at: "access: {groups: [agents]}", 9, "connections[0].access", "admits nobody"),
    // Access on request, and broken glass
    accessMistake("approve: {groups: [leads]}, for: 1h", ".request", "nobody may ask"),
    accessMistake("groups: [devs], for: 1h", ".request", "`approve` is missing"),
    accessMistake("groups: [devs], approve: {groups: [leads]}", ".request", "`for` is missing"),
    accessMistake("groups: [devs], approve: {groups: [leads]}, for: 10s", ".request.for", "out of range"),
    accessMistake("groups: [devs], approve: {groups: [leads]}, for: 31d", ".request.for", "out of range"),
    accessMistake("groups: [devs], approve: {groups: [leads]}, for: soon", ".request.for", "duration is expected"),
    accessMistake("groups: [devs], approve: {groups: []}, for: 1h", ".request.approve.groups", "list is empty"),
    accessMistake(
        "groups: [devs], approve: {groups: [leads], count: 0}, for: 1h", ".request.approve.count", "whole number"),
    accessMistake(
        "groups: [devs], approve: {groups: [leads], wait: 5s}, for: 1h", ".request.approve", "neither wait nor scope"),
    accessMistake("groups: [devs], approve: {groups: [leads]}, for: 1h, who: x", ".request.who", "not known"),
    accessMistake("groups: [], approve: {groups: [leads]}, for: 1h", ".request.groups", "list is empty"),
    Mistake("    break_glass: {groups: [oncall]}\n", 10, "connections[0].break_glass", "nothing is held here"),
    Mistake(
        "    not_understood: {then: hold, approve: {groups: [a]}}\n    break_glass: {}\n", 11,
        "connections[0].break_glass", "admits nobody"),
    Mistake(
        "    not_understood: {then: hold, approve: {groups: [a]}}\n    break_glass: {groups: []}\n", 11,
        "connections[0].break_glass.groups", "list is empty"),
    Mistake("    record: {detail: operations}\n", 10, "connections[0].record.detail", "not available in this version"),
    Mistake("    record: {responses_max: 64mb}\n", 10, "connections[0].record.responses_max", "size is expected"),
    Mistake("    limits: {row: 5GiB}\n", 10, "connections[0].limits.row", "out of range"),
    Mistake("    limits: {rows: many}\n", 10, "connections[0].limits.rows", "not `many`"),
    Mistake("    databases: []\n", 10, "connections[0].databases", "list is empty"),
    Mistake("    read_only: 1\n", 10, "connections[0].read_only", "true or false"),
    Mistake(
        "  - {name: orders, kind: postgres, target: {host: 127.0.0.1, database: d}, credential: {username: u}, access: {groups: [g]}}\n",
        10,
        "connections[1].name", "first in line 5"),
    // Masks
    Mistake(
        "    mask: [{columns: [customers.ssn], with: blacken}]\n", 10, "connections[0].mask[0].with", "not `blacken`"),
    Mistake("    mask:\n      - detect: [emial]\n", 11, "connections[0].mask[0].detect[0]", "did you mean `email`"),
    Mistake("    mask: [{detect: [horoscope]}]\n", 10, "connections[0].mask[0].detect[0]", "credit_card"),
    // Detectors of the file's own
    Mistake("detectors: [{pattern: \"E[0-9]{6}\"}]\n", 10, "detectors[0]", "`name` is missing"),
    Mistake("detectors: [{name: staff}]\n", 10, "detectors[0]", "`pattern` is missing"),
    Mistake("detectors: [{name: Staff, pattern: \"E[0-9]{6}\"}]\n", 10, "detectors[0].name", "no detector's name"),
    Mistake("detectors: [{name: email, pattern: \"E[0-9]{6}\"}]\n", 10, "detectors[0].name", "gateway's own"),
    Mistake("detectors: [{name: api_key, pattern: \"E[0-9]{6}\"}]\n", 10, "detectors[0].name", "gateway's own"),
    Mistake("detectors:\n  - {name: staff, pattern: \"E[0-9\"}\n", 11, "detectors[0].pattern", "cannot be used"),
    Mistake("detectors: [{name: staff, pattern: \"E[0-9]+\"}]\n", 10, "detectors[0].pattern", "no longest match"),
    Mistake("detectors: [{name: staff, pattern: \"[0-9]{0,4}\"}]\n", 10, "detectors[0].pattern", "empty"),
    Mistake("detectors: [{name: staff, pattern: \"E[0-9]{2000}\"}]\n", 10, "detectors[0].pattern", "limit is 1024"),
    Mistake("detectors: [{name: staff, pattern: \"E(?=1)\"}]\n", 10, "detectors[0].pattern", "cannot be used"),
    Mistake("detectors: [{name: staff, pattern: \"\u{e9}[0-9]\"}]\n", 10, "detectors[0].pattern", "ASCII"),
    Mistake(
        "detectors: [{name: staff, pattern: \"E[0-9]{6}\", validator: luhm}]\n", 10, "detectors[0].validator",
        "did you mean `luhn`"),
    Mistake(
        "detectors: [{name: staff, pattern: \"E[0-9]\"}, {name: staff, pattern: \"F[0-9]\"}]\n", 10, "detectors[1]",
        "two detectors named `staff`"),
    Mistake(
        "    mask: [{detect: [staf]}]\ndetectors: [{name: staff, pattern: \"E[0-9]{6}\"}]\n", 10,
        "connections[0].mask[0].detect[0]", "did you mean `staff`"),
    Mistake("    mask: [{with: redact}]\n", 10, "connections[0].mask[0]", "could never apply"),
    Mistake("    mask: [{columns: []}]\n", 10, "connections[0].mask[0].columns", "list is empty"),
    Mistake("    mask: [{columns: [a..b]}]\n", 10, "connections[0].mask[0].columns[0]", "could never apply"),
    Mistake(
        "    mask: [{detect: [email], unknown: deny}]\n", 10, "connections[0].mask[0].unknown", "nothing is unknown"),
    // Guards
    Mistake(
        "    guard: [{name: g, when: {statement: [ddll]}, then: block}]\n", 10,
        "connections[0].guard[0].when.statement", "did you mean `ddl`"),
    Mistake(
        "    guard:\n      - name: g\n        when:\n          statement:\n            - ddl\n            - dropp table\n        then: block\n",
        15,
        "connections[0].guard[0].when.statement", "could never apply"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl], table: []}, then: block}]\n", 10,
        "connections[0].guard[0].when.table", "list is empty"),
    Mistake(
        "    guard: [{name: g, when: {table: [a.b.c]}, then: block}]\n", 10, "connections[0].guard[0].when.table",
        "could never apply"),
    Mistake(
        "    guard: [{name: g, when: {statement: [select], without: where}, then: block}]\n", 10,
        "connections[0].guard[0].when.without", "could never apply"),
    Mistake(
        "    guard: [{name: g, when: {statement: [delete], without: limit}, then: block}]\n", 10,
        "connections[0].guard[0].when.without", "could never apply"),
    guardMistake("statement: [delete], without: rows", "when.without", "only `where` and `limit`"),
    guardMistake("group: {only: [dba]}", "when.group.only", "not known here"),
    guardMistake("group: {}", "when.group", "`not` is missing"),
    guardMistake("group: {not: []}", "when.group.not", "list is empty"),
    guardMistake("issuer: [https://nobody.example.com]", "when.issuer[0]", "no configured issuer"),
    guardMistake("purpose: some", "when.purpose", "present or absent"),
    guardMistake("joins: 0", "when.joins", "1 to 1000"),
    guardMistake("column: [a.b.c.d]", "when.column", "could never apply"),
    guardMistake("schema: [a.b]", "when.schema", "could never apply"),
    guardMistake("time: {zone: Europe/Berlin}", "when.time", "neither days nor hours"),
    guardMistake("time: {days: [monday-someday]}", "when.time.days[0]", "no day"),
    guardMistake("time: {hours: [8-18]}", "when.time.hours[0]", "no hours"),
    guardMistake("time: {days: [mon], zone: CET}", "when.time.zone", "no time zone"),
    guardMistake("time: {not: {days: [mon], zone: Mars/Base}}", "when.time.not.zone", "no time zone"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: block, would: hold}]\n", 10,
        "connections[0].guard[0].would", "only a rule that logs"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: log, would: allow}]\n", 10,
        "connections[0].guard[0].would", "hold, block"),
    sharedMistake("connections: [orderz]", "policy[0].connections[0]", "did you mean `orders`"),
    sharedMistake("connections: {labels: {env: prod}}", "policy[0].connections.labels.env", "not known here"),
    sharedMistake("connections: {}", "policy[0].connections", "neither names nor labels"),
    sharedMistake("message: x", "policy[0]", "`connections` is missing"),
    guardMistake("estimated_rows_over: many", "when.estimated_rows_over", "whole number"),
    guardMistake("estimated_rows_over: -1", "when.estimated_rows_over", "whole number"),
    Mistake("    on_refusal: go\n", 10, "connections[0].on_refusal", "abort, continue"),
    Mistake("    opa: {}\n", 10, "connections[0].opa", "`url` is missing"),
    Mistake("    opa: {url: http://opa.example/v1/data/x}\n", 10, "connections[0].opa.url", "https"),
    Mistake("    opa: {url: https://opa.example/x, timeout: 1m}\n", 10, "connections[0].opa.timeout", "10ms to 9000ms"),
    Mistake(
        "    opa: {url: https://opa.example/x, timeout: 500}\n", 10, "connections[0].opa.timeout", "10ms to 9000ms"),
    Mistake(
        "    opa: {url: https://opa.example/x, approve: {count: 2}}\n", 10, "connections[0].opa.approve",
        "`groups` is missing"),
    Mistake("    guard: [{name: g, when: {}, then: block}]\n", 10, "connections[0].guard[0].when", "no condition"),
    Mistake(
        "    guard: [{name: g, when: {route: /admin}, then: block}]\n", 10, "connections[0].guard[0].when.route",
        "not known here"),
    Mistake(
        "    guard: [{name: g, when: {matches: '(['}, then: block}]\n", 10, "connections[0].guard[0].when.matches",
        "cannot be used"),
    Mistake(
        "    guard: [{name: g, when: {matches: '(a)\\1'}, then: block}]\n", 10, "connections[0].guard[0].when.matches",
        "cannot be used"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: hold}]\n", 10, "connections[0].guard[0].approve",
        "who may approve"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: hold, approve: {groups: []}}]\n", 10,
        "connections[0].guard[0].approve.groups", "list is empty"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: hold, approve: {groups: [a], count: 0}}]\n", 10,
        "connections[0].guard[0].approve.count", "1 to 20"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: hold, approve: {groups: [a], within: 5}}]\n", 10,
        "connections[0].guard[0].approve.within", "duration"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: hold, approve: {groups: [a], wait: 15m}}]\n", 10,
        "connections[0].guard[0].approve.wait", "change nothing"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: hold, approve: {groups: [a], scope: always}}]\n", 10,
        "connections[0].guard[0].approve.scope", "no such scope"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: hold, approve: {groups: [a], scope: {same: table, for: 1m}}}]\n",
        10, "connections[0].guard[0].approve.scope.same", "only a statement"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: hold, approve: {groups: [a], scope: {same: statement}}}]\n",
        10, "connections[0].guard[0].approve.scope", "`for` is missing"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: block, approve: {groups: [a]}}]\n", 10,
        "connections[0].guard[0].approve", "only a hold"),
    Mistake(
        "    guard: [{name: g, when: {statement: [ddl]}, then: deny}]\n", 10, "connections[0].guard[0].then",
        "not `deny`"),
    Mistake("    guard: [{name: g, when: {statement: [ddl]}}]\n", 10, "connections[0].guard[0]", "`then` is missing"),
    Mistake(
        "    guard: [{when: {statement: [ddl]}, then: block}]\n", 10, "connections[0].guard[0]", "`name` is missing"),
    Mistake(
        "    guard:\n      - {name: g, when: {statement: [ddl]}, then: block}\n      - {name: g, when: {statement: [grant]}, then: block}\n",
        12,
        "connections[0].guard[1].name", "two guards are named `g`"),
    Mistake("    not_understood: hold\n", 10, "connections[0].not_understood", "who may approve"),
    Mistake(
        "    not_understood: {then: block, approve: {groups: [a]}}\n", 10, "connections[0].not_understood.approve",
        "only a hold"),
    Mistake("    not_understood: ask\n", 10, "connections[0].not_understood", "not `ask`"),
    // No YAML
    Mistake("  - [\n", 11, "", "no YAML"),
    Mistake("a: b: c\n", 10, "", "no YAML"),
]

extension Mistake {
    fileprivate init(_ added: String, _ line: Int, _ key: String, _ words: String) {
        self.init(nil, added, line, key, words)
    }

    fileprivate init(_ new: String, at old: String, _ line: Int, _ key: String, _ words: String) {
        self.init(old, new, line, key, words)
    }

    /// In line 9.
    fileprivate init(_ new: String, _ old: String, _ key: String, _ words: String) {
        self.init(old, new, 9, key, words)
    }
}

@Suite struct MistakeTests {
    private func problems(_ text: String) -> [ConfigurationProblem] {
        do throws(ConfigurationErrors) {
            _ = try Configuration.parse(text, path: "/etc/gw.yaml")
            return []
        } catch {
            return error.problems
        }
    }

    @Test func theTextWithoutAMistakeLoads() {
        #expect(problems(good).isEmpty)
    }

    @Test(arguments: mistakes)
    func isToldOnceWithPlaceAndFix(mistake: Mistake) throws {
        let text = mistake.old.map { good.replacing($0, with: mistake.new) } ?? good + mistake.new
        #expect(text != good)
        let found = problems(text)
        let named = found.filter { $0.key == mistake.key && ($0.what + " " + $0.fix).contains(mistake.words) }
        #expect(named.map(\.line) == [mistake.line], "\(found)")
        #expect(named.allSatisfy { $0.column > 0 && !$0.fix.isEmpty && $0.file == "/etc/gw.yaml" })
    }

    @Test func allAtOnceInTheOrderOfTheFile() {
        let text = "shape: round\n" + good.replacing("port: 5432", with: "port: x") + "colour: blue\n"
        #expect(problems(text).map(\.key) == ["shape", "connections[0].target.port", "colour"])
    }

    @Test func aSecretInTheFileIsNeverShown() {
        for text in ["whsec_c2hvcnRzaG9ydA==", "supersecretvalue"] {
            let found = problems(good + hook("url: https://a.example", secret: text))
            #expect(!found.isEmpty && !"\(found)".contains(text))
        }
        let found = problems(good + hook("url: \"ftp://a.example/supersecretpath\""))
        #expect(!found.isEmpty && !"\(found)".contains("supersecret"))
    }
}
