import ArgumentParser
import GatewayCore
import Identity

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Print a token of the embedded issuer, and nothing else.",
        discussion:
            "For the first run and tests: whoever can read the data folder can mint tokens. Needs identity.local: true."
    )

    @OptionGroup var file: ConfigOption
    @Option(help: "Whom the token names.") var subject: String
    @Option(name: .customLong("group"), help: "A group of the subject; may be given more than once.") var groups:
        [String] = []
    @Option(help: "The agent that acts for the subject.") var agent: String?
    @Option(help: "The agent's model.") var model: String?
    @Option(name: .customLong("run"), help: "The agent run that this token is for.") var agentRun: String?
    @Option(help: "What the token is wanted for.") var purpose: String?
    @Option(help: "How long it lives: 90s, 15m, 1h, 30d.") var ttl: String = "1h"
    @Option(help: "The door it opens: sallyport, or sallyport:approve to decide on approvals.") var audience: String =
        TokenVerifier.sessionAudience

    func run() async throws {
        let configuration = try file.load()
        guard let seconds = Duration.seconds(of: ttl) else {
            throw CommandFailure.usage("--ttl must be like 90s, 15m, 1h or 30d, not \(ttl).")
        }
        do {
            let request = EmbeddedIssuer.Request(
                subject: subject, groups: groups, agent: agent, run: agentRun, purpose: purpose, model: model,
                audience: audience, ttl: seconds)
            Output.line(try Source.issuer(configuration).mint(request))
        } catch let error as GatewayError {
            throw CommandFailure(error, code: error.code == .mintInvalid ? 2 : 1)
        }
    }
}

enum Duration {
    /// Seconds of `90`, `90s`, `15m`, `8h` or `30d`.
    static func seconds(of text: String) -> Int64? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        let unit = text.last.flatMap { units[$0] }
        guard let number = Int64(unit == nil ? text[...] : text.dropLast()), number > 0 else { return nil }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        return overflow ? nil : seconds
    }
}
