package import AccessPolicy
package import CredentialVault
package import DataMasking
package import GatewayCore
package import Identity

/// The whole configuration, checked: what a gateway runs by. Paths are absolute, durations in seconds, sizes in bytes.
package struct Configuration: Sendable {
    /// The file it was read from, for messages.
    package var file: String
    package var data: String
    package var listen = ListenConfiguration()
    package var tls = TLSConfiguration.auto
    package var issuers: [IssuerConfiguration] = []
    /// How issuers are asked whether tokens still hold, by their URL.
    package var introspection: [String: IntrospectionConfiguration] = [:]
    /// The embedded issuer is on.
    package var localIssuer = false
    package var roles = RolesConfiguration()
    package var session = SessionLife()
    package var durability = DurabilityLevel.command
    package var vaultKey: VaultKeySource
    package var ledger = LedgerConfiguration()
    /// The log's name; nil for the standard one.
    package var origin: String? { ledger.origin }
    /// How long content is kept; empty for ever.
    package var retention: [RetentionConfiguration] = []
    package var maximumSessions = 1000
    /// Seconds for TLS and sign-in together.
    package var signInSeconds = 30
    /// Seconds that a client of HTTP may take nothing of its answer, and over which its body's rate is measured.
    package var stallSeconds = 30
    package var sinks: [SinkConfiguration] = []
    package var notify: [NotifyConfiguration] = []
    package var connections: [ConnectionConfiguration] = []
    /// What the file says outside of its policy.
    package internal(set) var fingerprints = Fingerprints()
    /// What is allowed but not wise, such as a secret in the file; to be logged at start.
    package var warnings: [ConfigurationProblem] = []

    package init(file: String, data: String, vaultKey: VaultKeySource) {
        self.file = file
        self.data = data
        self.vaultKey = vaultKey
    }
}

/// How an issuer is asked whether a token still holds (RFC 7662).
package struct IntrospectionConfiguration: Sendable {
    package var clientID: String
    package var secret: SecretReference
    /// Seconds between two questions about the same token.
    package var interval: Int
    /// Seconds for which sessions go on while the issuer cannot be asked.
    package var grace: Int

    init(clientID: String, secret: SecretReference, interval: Int, grace: Int) {
        self.clientID = clientID
        self.secret = secret
        self.interval = interval
        self.grace = grace
    }
}

/// An address to listen on or to reach.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// 127.0.0.0/8, ::1 or `localhost`.
    package var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return octets.count == 4 && octets[0] == 127 && !octets.contains(nil)
    }
}

package struct ListenConfiguration: Sendable, Hashable {
    package var postgres: Endpoint?
    package var http: Endpoint?
    package var console: Endpoint?
    /// What the console is called from outside, without a slash at its end; nil where nobody said.
    package var consoleURL: String?

    package init(postgres: Endpoint? = nil, http: Endpoint? = nil, console: Endpoint? = nil) {
        self.postgres = postgres
        self.http = http
        self.console = console
    }
}

package enum TLSConfiguration: Sendable, Hashable {
    /// Self-signed, made once under `data/tls`.
    case auto
    /// Loopback only.
    case off
    case files(certificate: String, key: String)
}

package enum DurabilityLevel: String, Sendable, CaseIterable {
    case strict
    case command
    case relaxed
}

/// Who holds which role; only principals of `people: true` issuers can.
package struct RolesConfiguration: Sendable, Hashable {
    package var admin = AccessList()
    package var auditor = AccessList()
    package var approver = AccessList()

    package init() {}
}

/// A registered target with all that decides about it.
package struct ConnectionConfiguration: Sendable {
    package enum Databases: Sendable, Hashable {
        /// The target's own only.
        case own
        case list([String])
        case any
    }

    package var name: String
    /// The protocol: `postgres`, `http`.
    package var kind: String
    package var target: TargetConfiguration
    /// The host name that is this connection's alone (HTTP), in small letters; nil when only a path leads to it.
    package var host: String?
    package var databases = Databases.own
    package var credential: CredentialConfiguration
    package var access = AccessList()
    /// Who may ask for access for a time; nil for nobody.
    package var accessRequest: AccessRequestConfiguration?
    /// Who may pass holds on their own word; nil for nobody.
    package var breakGlass: AccessList?
    package var labels: [String: String] = [:]
    package var masks: [MaskRule] = []
    /// What becomes of bodies that masks cannot look into; of `kind: http`.
    package var binary: [BinaryRule] = []
    package var guards: [GuardRule] = []
    package var notUnderstood: NotUnderstoodPolicy?
    package var isReadOnly = false
    /// A policy service that is asked about each command too.
    package var opa: ExternalPolicy?
    /// `on_refusal: continue`: a refusal inside an explicit transaction leaves it usable.
    package var continuesAfterRefusal = false
    package var limits = LimitsConfiguration()

    package init(name: String, kind: String, target: TargetConfiguration, credential: CredentialConfiguration) {
        self.name = name
        self.kind = kind
        self.target = target
        self.credential = credential
    }

    /// Whether a client may name `database`.
    package func allows(database: String) -> Bool {
        switch databases {
        case .own: database == target.database
        case .list(let names): database == target.database || names.contains(database)
        case .any: true
        }
    }
}

/// Access that people agree to, for a time.
package struct AccessRequestConfiguration: Sendable, Hashable {
    package var who: AccessList
    package var terms: HoldTerms
    /// The longest that may be asked for.
    package var seconds: Int

    package init(who: AccessList, terms: HoldTerms, seconds: Int) {
        self.who = who
        self.terms = terms
        self.seconds = seconds
    }
}

package struct TargetConfiguration: Sendable, Hashable {
    /// As in libpq's sslmode.
    package enum TLSMode: String, Sendable, CaseIterable {
        case disable
        case prefer
        case require
        case verifyCA = "verify-ca"
        case verifyFull = "verify-full"
    }

    package var host: String
    package var port: Int
    package var database: String
    package var tls: TLSMode
    /// A PEM file with the authorities to trust; nil for the system's.
    package var authority: String?
    /// What every path at the target begins with (HTTP), without a slash at its end.
    package var path = ""
    /// The target is spoken to in HTTP/2.
    package var speaksHTTP2 = false

    package init(host: String, port: Int, database: String, tls: TLSMode, authority: String? = nil) {
        self.host = host
        self.port = port
        self.database = database
        self.tls = tls
        self.authority = authority
    }
}

package struct CredentialConfiguration: Sendable {
    /// How it is shown to the target.
    package enum Form: Sendable, Hashable {
        /// In the protocol's own way (HTTP: Basic); without a name there is none.
        case password
        case bearer
        case header(String)
        case query(String)
    }

    package var username: String
    package var password: SecretReference?
    package var form = Form.password
    /// Shown in the TLS handshake besides.
    package var certificate: ClientCertificate?

    package init(username: String, password: SecretReference?, form: Form = .password) {
        self.username = username
        self.password = password
        self.form = form
    }
}

/// Bounds of a connection's sessions; nil leaves the default.
package struct LimitsConfiguration: Sendable, Hashable {
    package var rows: Int?
    /// Of an answer's rows, as they are sent.
    package var bytes: Int?
    package var seconds: Int?
    /// Largest command that is judged.
    package var command: Int?
    package var tokens: Int?
    package var nesting: Int?
    package var message: Int?
    package var row: Int?
    package var pipeline: Int?
    /// Seconds until a target begins to answer (HTTP).
    package var answerHead: Int?
    /// `record.responses_max`.
    package var responses: Int?

    package init() {}
}
