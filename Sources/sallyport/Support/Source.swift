import AuditConsole
import Foundation
import GatewayConfiguration
import GatewayCore
import Identity

/// Where a command reads from and acts on.
enum Source {
    case api(APIClient)
    /// The data folder itself: the gateway does not run, or has no embedded issuer.
    case folder(Configuration)

    /// The gateway's API when it answers (then the view is recorded), else the data folder.
    static func read<Result>(_ options: SourceOptions, _ body: (Source) async throws -> Result) async throws -> Result {
        if let url = options.url { return try await remote(url, options.bearer, body) }
        let configuration = try options.file.load()
        guard configuration.localIssuer, configuration.listen.console != nil else {
            return try await body(.folder(configuration))
        }
        do {
            return try await local(configuration, operatorRequest) { try await body(.api($0)) }
        } catch is Unreachable {
            return try await body(.folder(configuration))
        }
    }

    /// The gateway's API, which must answer.
    static func act<Result>(
        _ options: SourceOptions, token request: (Configuration) throws -> EmbeddedIssuer.Request,
        _ body: (APIClient) async throws -> Result
    ) async throws -> Result {
        do {
            if let url = options.url {
                return try await remote(url, options.bearer) { source in
                    guard case .api(let client) = source else { throw CommandFailure("--url names no API.") }
                    return try await body(client)
                }
            }
            let configuration = try options.file.load()
            guard configuration.listen.console != nil else {
                throw CommandFailure.usage(
                    "\(configuration.file) has no listen.console, where the gateway would take this. Add it, e.g. console: 127.0.0.1:6090."
                )
            }
            return try await local(configuration, request, body)
        } catch let error as Unreachable {
            throw error.failure
        } catch let error as GatewayError {
            throw CommandFailure(error)
        }
    }

    /// The token that a person at the gateway's own machine works with.
    static func operatorRequest(_ configuration: Configuration) -> EmbeddedIssuer.Request {
        EmbeddedIssuer.Request(subject: operatorName, audience: ConsoleServer.operatorAudience, ttl: 300)
    }

    static var operatorName: String {
        let name = ProcessInfo.processInfo.environment["SUDO_USER"] ?? NSUserName()
        return name.isEmpty ? "operator" : name
    }

    static func issuer(_ configuration: Configuration) throws -> EmbeddedIssuer {
        guard configuration.localIssuer else {
            throw CommandFailure.usage(
                "The embedded issuer is off in \(configuration.file). Set identity.local: true, or use --url and --token with a token of your issuer."
            )
        }
        do {
            return try EmbeddedIssuer(dataFolder: configuration.data)
        } catch {
            throw CommandFailure(error)
        }
    }

    private static func remote<Result>(_ url: String, _ token: String?, _ body: (Source) async throws -> Result)
        async throws -> Result
    {
        guard let token, !token.isEmpty else {
            throw CommandFailure.usage("--url needs a token: --token, or better SALLYPORT_TOKEN in the environment.")
        }
        do {
            return try await APIClient.with(url, token: token) { try await body(.api($0)) }
        } catch let error as Unreachable {
            throw error.failure
        }
    }

    /// Never by the console's port: while the gateway is down that is anybody's on this machine, and a token sent there
    /// would be theirs.
    private static func local<Result>(
        _ configuration: Configuration, _ request: (Configuration) throws -> EmbeddedIssuer.Request,
        _ body: (APIClient) async throws -> Result
    ) async throws -> Result {
        try await APIClient.local(
            configuration.data,
            token: {
                do {
                    return try issuer(configuration).mint(try request(configuration))
                } catch let error as GatewayError {
                    throw CommandFailure(error)
                }
            }, body)
    }
}
