import Foundation
import Yams

/// Reads a file's text into YAML nodes with marks.
enum YAMLText {
    /// Longest file that is read.
    static let limit = 1 << 20

    static func read(_ path: String, _ log: ProblemLog) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else {
            let exists = FileManager.default.fileExists(atPath: path)
            log.problem(
                nil, "", exists ? "the file cannot be read" : "there is no such file",
                fix: exists ? "let this user read it" : "name the file with --config")
            return nil
        }
        guard data.count <= limit else {
            log.problem(
                nil, "", "the file is longer than \(limit) bytes", fix: "name the configuration file with --config")
            return nil
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            log.problem(nil, "", "the file is not UTF-8", fix: "save it as UTF-8")
            return nil
        }
        return text
    }

    static func compose(_ text: String, _ log: ProblemLog) -> Node? {
        do {
            if let node = try Yams.compose(yaml: text) { return node }
            log.problem(nil, "", "the file is empty", fix: "start from the example in the documentation")
        } catch let error as YamlError {
            explain(error, log)
        } catch {
            log.problem(nil, "", "the file is no YAML", fix: "check its syntax")
        }
        return nil
    }

    private static func explain(_ error: YamlError, _ log: ProblemLog) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            log.problem(
                mark, "", "this is no YAML: \(problem)",
                fix: "check indentation, brackets and quotes here and just before")
        case .duplicatedKeysInMapping(let keys, let context):
            log.problem(
                context.mark, keys.joined(separator: ", "),
                "the key appears more than once in its mapping (first here)",
                fix: "keep one of them")
        default:
            log.problem(nil, "", "the file is no YAML", fix: "check its encoding and syntax")
        }
    }
}
