import GatewayCore
import NIOCore
import SessionKernel

/// The gateway's sign-in at the target: TLS request, start-up, proof, and what the target then tells, until
/// ReadyForQuery.
struct TargetSignIn {
    private enum State {
        case idle
        case tlsAsked
        case tlsHandshake
        case startupSent
        case scramFirst(ScramClient)
        case scramFinal(ScramClient)
        /// SCRAM is proven on both sides, or needs no more.
        case proven
        case authenticated
        case done
    }

    private var state = State.idle
    private var user = ""
    private var password: [UInt8]?
    private var database = ""
    private var parameters: [(name: String, value: String)] = []
    private var binding = ScramClient.Binding.none
    private var tls = TargetTLS.required
    private var isReadOnly = false
    private(set) var targetKey: BackendKeyData?
    /// The settings told so far, in their first order.
    private(set) var statuses: [ParameterStatus] = []

    var isDone: Bool { if case .done = state { true } else { false } }

    mutating func open(_ credential: TargetCredential, terms: SessionTerms, parameters: [(name: String, value: String)])
        -> ByteBuffer
    {
        user = credential.username.isEmpty ? terms.targetUser : credential.username
        password = credential.password
        database = terms.database
        tls = terms.targetTLS
        self.parameters = parameters
        // What the gateway reads must be what the server reads, whatever the database's own encoding is.
        if !parameters.contains(where: { $0.name.lowercased() == "client_encoding" }) {
            self.parameters.append(("client_encoding", "UTF8"))
        }
        isReadOnly = terms.isReadOnly
        if isReadOnly { ReadOnlySession.limit(&self.parameters) }
        guard tls == .disable else {
            state = .tlsAsked
            return StartupMessage.request(code: StartupPacket.sslCode)
        }
        return startup()
    }

    mutating func tlsEstablished(channelBinding: [UInt8]?) throws(DialectFault) -> ByteBuffer {
        guard case .tlsHandshake = state else { throw fault("TLS with the target came at the wrong time") }
        binding = channelBinding.map { .endPoint($0) } ?? .none
        return startup()
    }

    private mutating func startup() -> ByteBuffer {
        state = .startupSent
        return StartupMessage(parameters: [("user", user), ("database", database)] + parameters).encoded()
    }

    enum TLSAnswer {
        case wait
        case startTLS
        case reply(ByteBuffer)
    }

    /// The one byte that answers a request for TLS; anything behind it came before encryption and is a fault
    /// (CVE-2021-23222).
    mutating func takeTLSAnswer(_ input: inout ByteBuffer) throws(DialectFault) -> TLSAnswer? {
        switch state {
        case .tlsAsked:
            guard let byte = input.readInteger(as: UInt8.self) else { return .wait }
            guard input.readableBytes == 0 else { throw fault("the target sent bytes before TLS was established") }
            switch byte {
            case UInt8(ascii: "S"):
                state = .tlsHandshake
                return .startTLS
            case UInt8(ascii: "N"):
                guard tls == .prefer else {
                    throw fault("the target does not offer TLS, which this connection requires")
                }
                return .reply(startup())
            default:
                throw fault("the target's answer to the request for TLS is malformed")
            }
        case .tlsHandshake:
            if input.readableBytes > 0 { throw fault("the target sent bytes before TLS was established") }
            return .wait
        default:
            return nil
        }
    }

    enum Step {
        case none
        case reply(ByteBuffer)
        case ready
    }

    /// One whole message.
    mutating func take(_ type: UInt8, _ message: ByteBuffer) throws(DialectFault) -> Step {
        switch type {
        case BackendType.authentication:
            guard let request = AuthenticationRequest(message) else {
                throw fault("the target's authentication request is malformed")
            }
            return try answer(request)
        case BackendType.error:
            throw refused(message)
        case BackendType.notice:
            return .none
        case BackendType.parameterStatus:
            guard case .authenticated = state, let status = ParameterStatus(message), statuses.count < 256 else {
                break
            }
            guard SettingsGuard.accepts(status) else {
                throw fault("the target sets \(status.name) to a value this gateway cannot work with", code: "0A000")
            }
            if let index = statuses.firstIndex(where: { $0.name == status.name }) {
                statuses[index] = status
            } else {
                statuses.append(status)
            }
            return .none
        case BackendType.backendKeyData:
            guard case .authenticated = state, let key = BackendKeyData(message) else { break }
            targetKey = key
            return .none
        case BackendType.readyForQuery:
            guard case .authenticated = state, TransactionStatus(message) == .idle else { break }
            if isReadOnly, !statuses.allSatisfy(ReadOnlySession.isKept) {
                throw fault("the target did not take the session's read-only mode over", code: "42501")
            }
            state = .done
            parameters = []
            return .ready
        default:
            break
        }
        throw fault(
            "the target sent an unexpected message of type \(FrontendDecoder.name(type)) while the gateway signed in")
    }

    private mutating func answer(_ request: AuthenticationRequest) throws(DialectFault) -> Step {
        switch (state, request) {
        case (.startupSent, .ok), (.proven, .ok):
            forgetPassword()
            state = .authenticated
            return .none
        case (.startupSent, .cleartextPassword):
            let secret = try needPassword()
            state = .proven
            return reply { $0.writeCString(secret) }
        case (.startupSent, .md5Password(let salt)):
            let answer = MD5Password.answer(user: user, password: try needPassword(), salt: salt)
            state = .proven
            return reply { $0.writeCString(answer) }
        case (.startupSent, .sasl(let mechanisms)):
            return try startScram(mechanisms)
        case (.scramFirst(var scram), .saslContinue(let challenge)):
            let secret = try needPassword()
            do throws(MalformedMessage) {
                let final = try scram.clientFinal(serverFirst: challenge, password: secret)
                forgetPassword()
                state = .scramFinal(scram)
                return reply { $0.writeBytes(final) }
            } catch {
                throw fault(error.message)
            }
        case (.scramFinal(let scram), .saslFinal(let final)):
            do throws(MalformedMessage) { try scram.verify(serverFinal: final) } catch { throw fault(error.message) }
            state = .proven
            return .none
        case (_, .unsupported(let kind)):
            throw fault("the target asks for authentication method \(kind), which this gateway does not speak")
        default:
            throw fault("the target's authentication messages came in an impossible order")
        }
    }

    private mutating func startScram(_ mechanisms: [String]) throws(DialectFault) -> Step {
        _ = try needPassword()
        if case .endPoint = binding, !mechanisms.contains("SCRAM-SHA-256-PLUS") { binding = .notOffered }
        let scram = ScramClient(binding: binding)
        guard mechanisms.contains(scram.mechanism) else {
            throw fault("the target offers no SASL mechanism that this gateway speaks")
        }
        state = .scramFirst(scram)
        return reply { body in
            body.writeCString(scram.mechanism.utf8)
            let first = scram.clientFirst
            body.writeInteger(Int32(clamping: first.count))
            body.writeBytes(first)
        }
    }

    private func needPassword() throws(DialectFault) -> [UInt8] {
        guard let password else {
            throw fault("the target asks for a password and the connection has none", code: "28000")
        }
        return password
    }

    private func reply(_ body: (inout ByteBuffer) -> Void) -> Step {
        var buffer = ByteBuffer()
        buffer.writeMessage(FrontendType.password, body)
        return .reply(buffer)
    }

    private mutating func forgetPassword() {
        guard password != nil else { return }
        for index in password?.indices ?? 0..<0 { password?[index] = 0 }
        password = nil
    }

    /// A target's own words are passed on only when the credential is not in them.
    private func refused(_ message: ByteBuffer) -> DialectFault {
        guard let fields = ErrorFields(message) else { return fault("the target refused the gateway's sign-in") }
        let said = String((fields.message ?? "").prefix(200))
        let code = fields.code.flatMap { $0.utf8.count == 5 ? $0 : nil } ?? "08006"
        let holdsSecret = password.map { !$0.isEmpty && said.contains(String(decoding: $0, as: UTF8.self)) } ?? false
        // What the target says of the proof itself is the gateway's affair, not the client's.
        if holdsSecret || code.hasPrefix("28") || said.isEmpty {
            return fault("the target refused the gateway's sign-in (\(code))")
        }
        return DialectFault(.target, code, "The target refused the session: \(said)")
    }

    private func fault(_ message: String, code: String = "08006") -> DialectFault {
        DialectFault(.target, code, message.prefix(1).uppercased() + message.dropFirst() + ".")
    }
}
