import Foundation
import Yams

extension Configuration {
    /// Reads and checks a whole file.
    ///
    /// - Parameter checkingSecrets: whether secrets that the file refers to, and files that it names, must be there:
    /// what the server needs
    ///   and a command line tool beside it does not.
    /// - Throws: all problems at once, in the order of the file.
    package static func loadOrExplain(_ path: String, checkingSecrets: Bool = true) throws(ConfigurationErrors)
        -> Configuration
    {
        let log = ProblemLog(file: path)
        let text = YAMLText.read(path, log)
        return try parse(text, path: path, checkingSecrets: checkingSecrets, log)
    }

    /// The same for a text, as if it stood in a file at `path`.
    package static func parse(
        _ text: String, path: String, checkingSecrets: Bool = true
    ) throws(ConfigurationErrors) -> Configuration {
        try parse(text, path: path, checkingSecrets: checkingSecrets, ProblemLog(file: path))
    }

    private static func parse(
        _ text: String?, path: String, checkingSecrets: Bool, _ log: ProblemLog
    ) throws(ConfigurationErrors) -> Configuration {
        let folder = URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
        var configuration: Configuration?
        if let text, let node = YAMLText.compose(text, log) {
            var reader = ConfigurationReader(
                file: path, context: ReadingContext(folder: folder, checksSecrets: checkingSecrets))
            configuration = reader.configuration(Value(node: node, path: "", mark: node.mark, log: log))
            configuration?.fingerprints = Fingerprints(node)
        }
        guard log.problems.isEmpty, var configuration else {
            throw ConfigurationErrors(
                problems: log.problems.isEmpty
                    ? [
                        ConfigurationProblem(
                            file: path, line: 0, column: 0, key: "", what: "the configuration is not complete",
                            fix: "compare it with the documentation")
                    ]
                    : log.sorted)
        }
        configuration.warnings = log.warnings
        return configuration
    }
}
