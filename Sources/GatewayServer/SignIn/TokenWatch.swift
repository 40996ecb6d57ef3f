import GatewayCore
import Identity
import Logging

/// Ends sessions whose tokens do not hold any more: asks their issuers (RFC 7662) as long as they are open.
///
/// How often an issuer is asked about one token is the introspector's matter; asking more often costs nothing.
final class TokenWatch: Sendable {
    private static let round = Duration.milliseconds(500)
    private static let questionsAtOnce = 16

    private let sessions: SessionRegistry
    private let logger: Logger

    init(sessions: SessionRegistry, logger: Logger) {
        self.sessions = sessions
        self.logger = logger
    }

    private enum Answer {
        case active
        case inactive
        case unknown(GatewayError)
    }

    /// Runs until its task is cancelled.
    func run() async {
        // Since when an issuer cannot be asked.
        var silent: [String: ContinuousClock.Instant] = [:]
        while !Task.isCancelled {
            await round(&silent)
            try? await Task.sleep(for: Self.round)
        }
    }

    private func round(_ silent: inout [String: ContinuousClock.Instant]) async {
        var failures: [String: GatewayError] = [:]
        var watched = sessions.watched()[...]
        while !watched.isEmpty {
            let some = watched.prefix(Self.questionsAtOnce)
            watched = watched.dropFirst(some.count)
            let answers = await withTaskGroup(of: (RecordID, WatchedToken, Answer).self) { group in
                for (session, token) in some { group.addTask { (session, token, await Self.ask(token)) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            for (session, token, answer) in answers {
                let issuer = token.introspector.issuer
                switch answer {
                case .active: break
                case .inactive: sessions.end(session, SignInRefused.tokenRevoked)
                case .unknown(let error):
                    failures[issuer] = error
                    let since = silent[issuer] ?? .now
                    guard ContinuousClock.now - since >= .seconds(token.introspector.settings.grace) else { continue }
                    sessions.end(session, SignInRefused.tokenUnknown)
                }
            }
        }
        note(failures, &silent)
    }

    private static func ask(_ token: WatchedToken) async -> Answer {
        do throws(GatewayError) {
            return try await token.isActive() ? .active : .inactive
        } catch {
            return .unknown(error)
        }
    }

    /// Says once that an issuer is silent, and once that it is not any more.
    private func note(_ failures: [String: GatewayError], _ silent: inout [String: ContinuousClock.Instant]) {
        for (issuer, error) in failures where silent[issuer] == nil {
            silent[issuer] = .now
            logger.warning("tokens of \(issuer) cannot be asked about: \(error.message)")
        }
        for issuer in silent.keys where failures[issuer] == nil {
            silent[issuer] = nil
            logger.notice("tokens of \(issuer) can be asked about again")
        }
    }
}
