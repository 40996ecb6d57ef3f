/// One mistake in a configuration file: where it is, what is wrong, and what to write instead.
package struct ConfigurationProblem: Sendable, Hashable {
    package var file: String
    /// 1-based; 0 for the file as a whole.
    package var line: Int
    package var column: Int
    /// Path of the key: `connections[0].guard[1].when.statement`.
    package var key: String
    package var what: String
    package var fix: String

    package init(file: String, line: Int, column: Int, key: String, what: String, fix: String) {
        self.file = file
        self.line = line
        self.column = column
        self.key = key
        self.what = what
        self.fix = fix
    }
}

extension ConfigurationProblem: CustomStringConvertible {
    package var description: String {
        let place = line > 0 ? "\(file):\(line):\(column)" : file
        return place + ": " + (key.isEmpty ? "" : key + ": ") + what + ". Fix: " + fix + "."
    }
}

/// Everything that is wrong with a configuration, in the order of the file; printed one problem a line.
package struct ConfigurationErrors: Error, Sendable, CustomStringConvertible {
    package var problems: [ConfigurationProblem]

    package init(problems: [ConfigurationProblem]) {
        self.problems = problems
    }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
