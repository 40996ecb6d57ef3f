/// What only the target can tell of a command, asked in its session before the verdict.
package enum TargetQuestion: Sendable, Hashable {
    /// Where names without a schema lie now.
    case searchPath
    /// How many rows it is about.
    case rows

    /// The word in the entry.
    package var name: String {
        switch self {
        case .searchPath: "search_path"
        case .rows: "estimate"
        }
    }

    /// That it could not be had.
    package func unknown(_ why: String) -> TargetAnswer {
        switch self {
        case .searchPath: .searchPath(.unknown)
        case .rows: .rows(.unknown(why))
        }
    }
}

package enum TargetAnswer: Sendable, Hashable {
    case searchPath(SearchPath)
    case rows(RowEstimate)
}

extension CommandSubject {
    /// Takes an answer over, also that there is none: nothing is asked twice about one command.
    package mutating func learn(_ answer: TargetAnswer) {
        switch answer {
        case .searchPath(let path):
            searchPath = path
            pathWasAsked = true
        case .rows(let estimate): self.estimate = estimate
        }
    }
}
