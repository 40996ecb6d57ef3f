import GatewayConfiguration

enum ConfigurationFile {
    /// Errors: a `CommandFailure` with every mistake on a line of its own, and exit code 2.
    static func load(_ path: String, checkingSecrets: Bool = false) throws(CommandFailure) -> Configuration {
        do throws(ConfigurationErrors) {
            return try Configuration.loadOrExplain(path, checkingSecrets: checkingSecrets)
        } catch {
            throw .usage(error.description)
        }
    }
}
