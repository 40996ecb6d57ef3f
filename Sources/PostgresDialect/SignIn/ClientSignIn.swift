import GatewayCore
import NIOCore
import SessionKernel

/// The client's way in: encryption requests, one StartupMessage, one password message with the token.
struct ClientSignIn {
    private enum State {
        case start
        case tlsHandshake
        case passwordAsked
        case done
    }

    private var state = State.start
    private var tlsWasAsked = false
    private var gssWasAsked = false
    private var isTLS = false
    private var startup = StartupMessage(parameters: [])
    /// What is passed on to the target.
    private(set) var parameters: [(name: String, value: String)] = []

    var isInHandshake: Bool { if case .tlsHandshake = state { true } else { false } }
    var expectsPassword: Bool { if case .passwordAsked = state { true } else { false } }
    var isDone: Bool { if case .done = state { true } else { false } }

    mutating func tlsEstablished() {
        isTLS = true
        if case .tlsHandshake = state { state = .start }
    }

    /// - Parameter isAlone: whether nothing was buffered behind the packet.
    mutating func take(
        packet: ByteBuffer, isAlone: Bool, settings: PostgresDialect.Settings
    ) throws(DialectFault) -> ClientEvent? {
        let read: StartupPacket
        do throws(MalformedMessage) { read = try StartupPacket(packet) } catch { throw Self.fault(error.message) }
        switch read {
        case .sslRequest:
            guard !tlsWasAsked, !isTLS else { throw Self.fault("encryption was asked for twice") }
            tlsWasAsked = true
            guard settings.offersTLS else { return .reply(ByteBuffer(integer: UInt8(ascii: "N"))) }
            // CVE-2021-23214: bytes sent before the handshake would be taken for encrypted ones.
            guard isAlone else { throw Self.fault("bytes followed the request for TLS before it was established") }
            state = .tlsHandshake
            return .startTLS(reply: ByteBuffer(integer: UInt8(ascii: "S")))
        case .gssEncRequest:
            guard !gssWasAsked, !isTLS else { throw Self.fault("encryption was asked for twice") }
            gssWasAsked = true
            return .reply(ByteBuffer(integer: UInt8(ascii: "N")))
        case .cancelRequest(let key):
            guard isAlone else { throw Self.fault("bytes followed a cancel request") }
            state = .done
            return .cancel(key: key)
        case .startup(let message):
            return .reply(try begin(message, settings))
        }
    }

    private mutating func begin(_ message: StartupMessage, _ settings: PostgresDialect.Settings) throws(DialectFault)
        -> ByteBuffer
    {
        guard isTLS || settings.acceptsClearText else {
            throw DialectFault(
                .client, "28000", "This gateway takes a token over TLS only: connect with sslmode=require.")
        }
        guard let user = message["user"], !user.isEmpty else {
            throw DialectFault(
                .client, "28000", "The start-up packet names no user: the user name is the connection's name.")
        }
        switch StartupPolicy.judge(message) {
        case .failure(let rejection): throw DialectFault(side: .client, rejection.refusal)
        case .success(let passed): parameters = passed
        }
        startup = message
        state = .passwordAsked
        var reply = ByteBuffer()
        let unknown = message.parameters.map(\.name).filter { $0.hasPrefix("_pq_.") }
        if message.minor > 0 || !unknown.isEmpty {
            NegotiateProtocolVersion(unknownOptions: unknown).write(into: &reply)
        }
        AuthenticationRequest.cleartextPassword.write(into: &reply)
        return reply
    }

    /// - Parameter message: the whole password message.
    mutating func take(password message: ByteBuffer) throws(DialectFault) -> SignInProof {
        var body = message
        body.moveReaderIndex(forwardBy: 5)
        guard let token = body.readCString(), body.readableBytes == 0 else {
            throw Self.fault("the password message is malformed")
        }
        guard !token.isEmpty else {
            throw DialectFault(
                .client, "28P01", "No password was given: the password is an identity token or a ticket.")
        }
        state = .done
        return SignInProof(
            connection: startup["user"] ?? "", database: startup["database"] ?? "", token: token,
            claims: ApplicationClaims.read(startup["application_name"]), isTLS: isTLS)
    }

    static func fault(_ message: String) -> DialectFault {
        DialectFault(.client, "08P01", message.prefix(1).uppercased() + message.dropFirst() + ".")
    }
}

/// What a client says of itself in application_name: `psql`, or pairs such as `agent=reporter;run=42`.
enum ApplicationClaims {
    static func read(_ name: String?) -> AgentContext {
        var claims = AgentContext(trust: .claimed)
        guard let name = name.map({ String($0.prefix(256)) }), !name.isEmpty else { return claims }
        let pairs = name.split { $0 == ";" || $0 == "," || $0 == " " }
        guard pairs.allSatisfy({ $0.contains("=") }) else {
            claims.agent = name
            return claims
        }
        for pair in pairs {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            let value = String(parts[1])
            switch parts[0].lowercased() {
            case "agent": claims.agent = value
            case "model": claims.model = value
            case "run": claims.run = value
            case "purpose": claims.purpose = value
            case "traceparent": claims.traceparent = value
            case "on_behalf_of": claims.onBehalfOf = value
            default: break
            }
        }
        return claims
    }
}

extension DialectFault {
    init(side: Side, _ refusal: Refusal) {
        self.init(side, refusal.code, refusal.message)
        self.refusal = refusal
    }
}
