import AuditLedger
import Crypto
import GatewayConfiguration
import GatewayCore
import Identity
import NIOCore
import SessionKernel

/// The shared sessions of one event loop, and tokens that were verified a moment ago: a request on a new client connection
/// then needs no sign-in of its own.
final class SharedSessionBook: Sendable {
    private struct Known {
        var session: AdmittedSession
        var until: Timestamp
    }

    private final class State {
        var sessions: [SharedSession.Key: SharedSession] = [:]
        var known: [SHA256.Digest: Known] = [:]
    }

    /// How long a verified token is taken without asking again, at most.
    private static let knownSeconds: Int64 = 30
    private static let mostKnown = 4096

    private let eventLoop: any EventLoop
    private let services: GatewayServices
    private let state: NIOLoopBoundBox<State>

    init(_ eventLoop: any EventLoop, _ services: GatewayServices) {
        self.eventLoop = eventLoop
        self.services = services
        state = .makeBoxSendingValue(State(), eventLoop: eventLoop)
    }

    /// What the same proof was admitted by a moment ago, if it would still be.
    func known(_ proof: SignInProof, host: String) -> AdmittedSession? {
        let digest = Self.digest(proof, host: host)
        guard let known = state.value.known[digest] else { return nil }
        guard Timestamp.wall() < known.until, services.signIn.stillAdmits(known.session) else {
            state.value.known[digest] = nil
            return nil
        }
        return known.session
    }

    /// Joins `shell` to the session that its sign-in belongs to, or to a new one.
    func join(_ shell: SessionShell, _ admitted: AdmittedSession, _ proof: SignInProof, host: String)
        throws(GatewayError)
        -> SharedSession
    {
        remember(admitted, proof, host: host)
        let key = Self.key(admitted, proof, host: host)
        let now = Timestamp.wall()
        if let session = state.value.sessions[key] {
            let isFresh = now < session.admitted.since.advanced(bySeconds: admitted.life.max)
            if session.ending == nil, isFresh, session.memberCount < SharedSession.mostMembers {
                session.join(shell)
                return session
            }
            state.value.sessions[key] = nil
        }
        // What is remembered may have opened a session before; each has an identity and a beginning of its own.
        var own = admitted
        own.context.session = RecordID(at: now)
        own.terms.context.session = own.context.session
        own.terms.cancelKey = services.sessions.makeCancelKey()
        own.since = now
        let session = try SharedSession(key, own, services, eventLoop) { [state] closed in
            if state.value.sessions[closed.key] === closed { state.value.sessions[closed.key] = nil }
        }
        session.join(shell)
        state.value.sessions[key] = session
        services.sessions.add(SessionHandle(session, eventLoop), own)
        return session
    }

    private func remember(_ admitted: AdmittedSession, _ proof: SignInProof, host: String) {
        // An issuer that is asked about a token is asked about each sign-in with it.
        guard admitted.token == nil else { return }
        let until = min(admitted.identity.expires, Timestamp.wall().advanced(bySeconds: Self.knownSeconds))
        if state.value.known.count >= Self.mostKnown { state.value.known.removeAll() }
        let digest = Self.digest(proof, host: host)
        if state.value.known[digest] == nil { state.value.known[digest] = Known(session: admitted, until: until) }
    }

    private static func key(_ admitted: AdmittedSession, _ proof: SignInProof, host: String) -> SharedSession.Key {
        let principal = admitted.identity.principal
        return SharedSession.Key(
            issuer: principal.issuer, subject: principal.subject, name: principal.name, groups: principal.groups,
            agent: admitted.context.agent, connection: admitted.connection.name, host: host, ticket: admitted.ticket,
            access: admitted.access, token: admitted.token.map { _ in Array(SHA256.hash(data: proof.token)) })
    }

    /// Over each part with its length, so that no two proofs have one form.
    private static func digest(_ proof: SignInProof, host: String) -> SHA256.Digest {
        var hash = SHA256()
        let claims = proof.claims
        let texts = [claims.agent, claims.model, claims.run, claims.purpose, claims.traceparent, claims.onBehalfOf]
        var parts: [[UInt8]] = [proof.token, Array(proof.connection.utf8), Array(host.utf8)]
        for text in texts { parts.append(text.map { [1] + Array($0.utf8) } ?? []) }
        for part in parts {
            withUnsafeBytes(of: UInt64(part.count).littleEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: part)
        }
        return hash.finalize()
    }
}

extension SessionHandle {
    init(_ session: SharedSession, _ eventLoop: any EventLoop) {
        let bound = NIOLoopBound(session, eventLoop: eventLoop)
        self.init { order in eventLoop.submit { bound.value.take(order) } }
    }
}
