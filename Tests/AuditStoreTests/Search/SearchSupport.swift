import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Testing

/// A command as a test says it, and as a plain model finds it again.
struct SaidCommand: Sendable {
    var session: RecordID
    var subject: String
    var agent: String
    var run: String
    var connection: String
    var exchange: UInt64
    var text: String?
    var objects: [String]
    var rules: [String]
    var verdict: VerdictKind
    var outcome: OutcomeKind?
    var approval: RecordID?
    /// The moments between which its entry was made.
    var time: ClosedRange<Timestamp>
}

extension SessionRecorder {
    func say(_ command: SaidCommand) throws {
        let type: EntryType =
            switch command.verdict {
            case .allow: .commandAllowed
            case .hold: .commandHeld
            case .block: .commandBlocked
            }
        var draft = EntryDraft(type, exchange: command.exchange)
        draft.verdict = command.verdict
        draft.classes = ["select"]
        draft.verb = "SELECT"
        draft.objects = command.objects
        draft.rules = command.rules
        if let text = command.text { draft.content = [ContentItem(.text, text)] }
        try append(draft)
    }
}

extension SearchQuery {
    /// What an index of any kind must answer, asked of the command itself.
    func matches(_ said: SaidCommand) -> Bool {
        if let viewer, viewer.subject != said.subject || viewer.issuer != "https://idp" { return false }
        if let principal, principal != said.subject, principal != said.subject.capitalized { return false }
        if let agent, agent != said.agent { return false }
        if let run, run != said.run { return false }
        if let connection, connection != said.connection { return false }
        if let session, session != said.session { return false }
        if let outcome, outcome != said.outcome { return false }
        if let verdict, verdict != said.verdict { return false }
        if let rule, !said.rules.contains(where: { $0.lowercased() == rule.lowercased() }) { return false }
        if let object,
            !said.objects.contains(where: {
                $0.lowercased() == object.lowercased()
                    || $0.split(separator: ".").last?.lowercased() == object.lowercased()
            })
        {
            return false
        }
        if let approval, approval != said.approval { return false }
        if let since, said.time.upperBound < since { return false }
        if let until, said.time.lowerBound > until { return false }
        if let terms {
            guard let text = said.text?.lowercased() else { return false }
            return terms.terms.allSatisfy { text.contains(String(decoding: $0.bytes, as: UTF8.self)) }
        }
        return true
    }
}

/// All pages of a search, as session and exchange.
func allHits(_ archive: AuditArchive, _ query: SearchQuery, budget: Duration = .seconds(10)) throws -> [String] {
    var hits: [String] = []
    var cursor: String?
    var pages = 0
    repeat {
        let page = try archive.search(query, cursor: cursor, budget: budget)
        #expect(page.hits.count <= query.limit)
        hits += page.hits.map { "\($0.session.context.session) \($0.exchange)" }
        cursor = page.next
        pages += 1
    } while cursor != nil && pages < 10_000
    #expect(pages < 10_000)
    return hits
}

extension AuditStore {
    func settled() async throws -> AuditArchive {
        try await durable(appendSystem(EntryDraft(.policyLoaded)))
        let archive = try #require(archive)
        #expect(try await archive.caughtUp())
        return archive
    }
}

extension Folder {
    /// Every file that holds these bytes.
    func files(holding bytes: [UInt8]) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: path).filter { file in
            FileManager.default.contents(atPath: path + "/" + file)?.range(of: Data(bytes)) != nil
        }
    }
}
