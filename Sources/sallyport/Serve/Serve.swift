import ArgumentParser
import AuditConsole
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Logging
import ServiceLifecycle
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway until SIGTERM or SIGINT.",
        discussion: "Logs to standard error; SALLYPORT_LOG sets the level (trace, debug, info, notice, warning, error)."
    )

    @OptionGroup var file: ConfigOption

    func run() async throws {
        let configuration = try file.load(checkingSecrets: true)
        let logger = try LineLog.makeLogger(level: ProcessInfo.processInfo.environment["SALLYPORT_LOG"])
        // A limit on file sizes is a write that fails, and says so; not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
        for warning in Self.warnings(configuration) { Output.note("WARNING: " + warning) }
        // From here on a hang-up is kept for later, and does not end the process.
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let gateway: Gateway
        do {
            gateway = try await Gateway.start(configuration, logger: logger)
        } catch {
            throw CommandFailure(error)
        }
        var services: [any Service] = [
            GatewayService(gateway: gateway), ReloadService(gateway: gateway, hangups: hangups),
        ]
        let listening = gateway.addresses.map { "\($0.kind) \($0.endpoint)" }
        if let endpoint = configuration.listen.console {
            do {
                let console = try ConsoleServer(
                    try .of(gateway), at: endpoint, data: configuration.data,
                    certificate: ConsoleServer.certificate(of: configuration), logger: logger
                ) { port in
                    let bound = Endpoint(host: endpoint.host, port: port)
                    Output.note("sallyport: ready (\((listening + ["console \(bound)"]).joined(separator: ", ")))")
                }
                services.append(ConsoleService(console: console))
            } catch {
                await gateway.stop()
                throw CommandFailure(error)
            }
        } else {
            Output.note("sallyport: ready (\(listening.joined(separator: ", ")))")
        }
        do {
            try await ServiceGroup(
                configuration: .init(
                    services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: LineLog.quiet(logger))
            ).run()
        } catch {
            await gateway.stop()
            let place = configuration.listen.console.map { " Is the port of the console (\($0)) free?" } ?? ""
            throw CommandFailure("The gateway ended: \(error).\(place)")
        }
    }

    /// What whoever starts this gateway should not overlook.
    static func warnings(_ configuration: Configuration) -> [String] {
        var warnings: [String] = []
        if configuration.durability == .relaxed {
            warnings.append(
                "durability: relaxed - up to 100 ms of acknowledged commands can be missing from the record after a power loss."
            )
        }
        if configuration.tls == .off {
            warnings.append("tls: off - tokens and data cross the listeners in clear text. Only loopback is accepted.")
        }
        if configuration.localIssuer {
            warnings.append("identity.local - whoever can read \(configuration.data) can mint tokens for anybody.")
        }
        return warnings + configuration.warnings.map(\.description)
    }
}

private struct ConsoleService: Service {
    let console: ConsoleServer

    func run() async throws {
        try await console.run()
    }
}

/// Reloads the policy at each SIGHUP.
private struct ReloadService: Service {
    let gateway: Gateway
    let hangups: UnixSignalsSequence

    func run() async {
        for await _ in hangups.cancelOnGracefulShutdown() {
            do {
                _ = try await gateway.policies.reload(by: nil)
            } catch {
                gateway.logger.error("the policy stays as it was", metadata: ["why": .string("\(error)")])
            }
        }
    }
}

/// Keeps the gateway until the group shuts down, then ends its sessions politely.
private struct GatewayService: Service {
    let gateway: Gateway

    func run() async {
        try? await gracefulShutdown()
        await gateway.stop()
    }
}
