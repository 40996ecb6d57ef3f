import Yams

/// Collects problems while a file is read, so that all of them are told at once.
final class ProblemLog {
    let file: String
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [ConfigurationProblem] = []

    init(file: String) {
        self.file = file
    }

    func problem(_ mark: Mark?, _ key: String, _ what: String, fix: String) {
        let problem = make(mark, key, what, fix)
        // A part that two readers look at is told of once.
        let isKnown = problems.contains {
            $0.line == problem.line && $0.column == problem.column && $0.key == key && $0.what == what
        }
        if !isKnown { problems.append(problem) }
    }

    func warning(_ mark: Mark?, _ key: String, _ what: String, fix: String) {
        warnings.append(make(mark, key, what, fix))
    }

    /// In the order of the file.
    var sorted: [ConfigurationProblem] {
        problems.enumerated().sorted { one, other in
            (one.element.line, one.element.column, one.offset) < (
                other.element.line, other.element.column, other.offset
            )
        }.map(\.element)
    }

    private func make(_ mark: Mark?, _ key: String, _ what: String, _ fix: String) -> ConfigurationProblem {
        ConfigurationProblem(
            file: file, line: mark?.line ?? 0, column: mark?.column ?? 0, key: key, what: what, fix: fix)
    }
}
