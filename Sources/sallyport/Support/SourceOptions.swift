import ArgumentParser
import Foundation
import GatewayConfiguration
import GatewayCore

/// The configuration file of a gateway on this machine.
struct ConfigOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The gateway's configuration file (default: $SALLYPORT_CONFIG, else ./sallyport.yaml).", valueName: "file"))
    var config: String?

    var path: String {
        config ?? ProcessInfo.processInfo.environment["SALLYPORT_CONFIG"] ?? "sallyport.yaml"
    }

    /// The whole configuration, or all that is wrong with it at once and exit code 2. Only the server needs the
    /// targets' secrets at hand.
    func load(checkingSecrets: Bool = false) throws(CommandFailure) -> Configuration {
        try ConfigurationFile.load(path, checkingSecrets: checkingSecrets)
    }
}

/// A gateway to ask: on this machine by its configuration, or another by URL and token.
struct SourceOptions: ParsableArguments {
    @OptionGroup var file: ConfigOption

    @Option(
        name: .long,
        help: ArgumentHelp("The API of a gateway elsewhere, e.g. https://gateway.example.com:6090.", valueName: "url"))
    var url: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A token for --url (default: $SALLYPORT_TOKEN; better there, where others do not see it).",
            valueName: "token"))
    var token: String?

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    var bearer: String? { token ?? ProcessInfo.processInfo.environment["SALLYPORT_TOKEN"] }
}
