import AccessPolicy
import Foundation
import GatewayCore
import SQLAnalysis
import Testing

/// A file of Tests/Corpus: statements, each followed by a line `  -> …` with what is expected of it; `#` begins a comment,
/// `%guard NAME WORD… [table=T] [without=where] | VERDICT [GROUP]` a guard of the policy that the file is judged under.
struct Corpus {
    struct Entry: CustomTestStringConvertible, Sendable {
        var line: Int
        var text: String
        var verdict: String
        var rules: [String]
        var classes: [String] = []
        /// The rest of the line by its first word: reads, writes, calls, unknown, verbs.
        var facts: [String: [String]] = [:]
        var testDescription: String { "line \(line): \(text.prefix(100))" }
    }

    var guards: [GuardRule] = []
    var entries: [Entry] = []

    /// - Parameter name: the file under Tests/Corpus.
    init(_ name: String) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Corpus/\(name)")
        var text: [String] = []
        for (index, line) in try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n").enumerated() {
            if text.isEmpty, line.isEmpty || line.hasPrefix("#") { continue }
            if text.isEmpty, line.hasPrefix("%guard ") {
                guards.append(try Self.rule(line))
            } else if line.hasPrefix("  -> ") {
                entries.append(Self.entry(index + 1, text.joined(separator: "\n"), String(line.dropFirst(5))))
                text = []
            } else {
                text.append(line)
            }
        }
        #expect(text.isEmpty, "\(name) ends within a statement")
    }

    private static func rule(_ line: String) throws -> GuardRule {
        let parts = line.dropFirst(7).components(separatedBy: " | ").map { $0.split(separator: " ").map(String.init) }
        let words = try #require(parts.first)
        let verdict = try #require(parts.last)
        var when = GuardRule.Condition()
        for word in words.dropFirst() {
            if word == "without=where" {
                when.withoutWhere = true
            } else if word.hasPrefix("table=") {
                when.table.list.append(String(word.dropFirst(6)))
            } else {
                when.statement.append(word)
            }
        }
        return GuardRule(
            name: try #require(words.first), when: when, then: try #require(VerdictKind(rawValue: verdict[0])),
            approve: verdict.count > 1 ? HoldTerms(groups: Array(verdict[1...])) : nil)
    }

    private static func entry(_ line: Int, _ text: String, _ expected: String) -> Entry {
        let parts = expected.components(separatedBy: " | ")
        let head = parts[0].split(separator: " ").map(String.init)
        var entry = Entry(line: line, text: text, verdict: head[0], rules: Array(head[1...]))
        for part in parts.dropFirst() {
            let words = part.components(separatedBy: " ")
            if part == parts[1] {
                entry.classes = words
            } else {
                entry.facts[words[0]] = words.dropFirst().joined(separator: " ").components(separatedBy: ", ")
            }
        }
        return entry
    }
}

/// One analyser for all corpora.
private let analyzer = SQLAnalyzer()

func subject(of text: String) async -> CommandSubject {
    let analysis = await withCheckedContinuation { continuation in
        analyzer.analyze(Array(text.utf8)) { continuation.resume(returning: $0) }
    }
    return CommandSubject(analysis: analysis)
}
