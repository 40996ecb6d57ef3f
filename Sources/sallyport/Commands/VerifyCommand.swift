import ArgumentParser
import AuditConsole
import AuditLedger
import AuditStore
import Foundation
import GatewayConfiguration
import GatewayCore
import Identity

extension Audit {
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check the whole record, or an evidence bundle.",
            discussion: """
                Makes the tree again from its entries and holds it against the signed checkpoint, every tile, the log, the content that \
                still exists, the recordings and the index. Reads the data folder, also while the gateway runs; then up to \
                the published checkpoint. Exits 1 at the first bad thing and names it. The verification is itself recorded.

                With --bundle it checks an evidence bundle and needs nothing else; with --ledger a copy of a ledger folder alone.
                """)

        @OptionGroup var source: SourceOptions
        @Option(help: "A checkpoint kept from before: the log must extend it.") var since: String?
        @Option(help: "An evidence bundle to check, offline.") var bundle: String?
        @Option(help: "A copy of a ledger folder to check, offline; needs --key.") var ledger: String?
        @Option(help: "The log's key as you were given it, for --bundle and --ledger.") var key: String?

        func run() async throws {
            guard source.url == nil else {
                throw CommandFailure.usage(
                    "verify reads files, not an API: run it on the gateway's machine, or with --ledger or --bundle.")
            }
            guard bundle == nil || ledger == nil, bundle == nil || since == nil else {
                throw CommandFailure.usage("--bundle goes with --key only.")
            }
            do {
                if let bundle {
                    try VerifyBundle.run(bundle, key: try known(), json: source.json)
                } else if let ledger {
                    guard let key = try known() else { throw CommandFailure.usage("--ledger needs --key.") }
                    let (folder, name) = Self.split(ledger)
                    var check = LedgerCheck(storage: PosixStorage(root: folder), folder: name, key: key)
                    check.since = try since.map(Self.read)
                    Self.show(try run(check), json: source.json)
                } else {
                    try await whole()
                }
            } catch let problem as LedgerProblem {
                try Self.fail(problem, json: source.json)
            }
        }

        private func known() throws -> NoteVerifierKey? {
            guard let key else { return nil }
            do { return try NoteVerifierKey(key) } catch {
                throw CommandFailure.usage(
                    "--key must be a verifier key, name+id+key, as sallyport audit key prints it.")
            }
        }

        private func whole() async throws {
            guard key == nil else { throw CommandFailure.usage("--key goes with --bundle or --ledger.") }
            let configuration = try source.file.load()
            var check = try LedgerSource.check(configuration)
            check.since = try since.map(Self.read)
            let result: Result<LedgerSummary, LedgerProblem>
            do { result = .success(try run(check)) } catch let problem as LedgerProblem { result = .failure(problem) }
            let isLive = check.isLive
            // Lets go of the folder, so that the view's own entry can be written.
            check = LedgerCheck(
                storage: PosixStorage(root: configuration.data), key: try LedgerSource.key(configuration))
            try await record(result, configuration, isLive: isLive)
            Self.show(try result.get(), json: source.json)
        }

        private func run(_ check: LedgerCheck) throws -> LedgerSummary {
            let bar = CheckProgress(isShown: !source.json)
            defer { bar.clear() }
            return try check.run { bar.show($0) }
        }

        /// A folder that was found bad is left as it is.
        private func record(
            _ result: Result<LedgerSummary, LedgerProblem>, _ configuration: Configuration, isLive: Bool
        ) async throws {
            let text: String
            switch result {
            case .success: text = "passed"
            case .failure(let problem):
                text = "failed: \(problem.kind.rawValue)"
                guard isLive else { return }
            }
            try await Source.read(source) { source in
                switch source {
                case .api(let client): try await client.post("/api/v1/ledger/verifications", ["result": .string(text)])
                case .folder(let configuration):
                    guard !isLive else {
                        return Output.note(
                            "note: the gateway's API was not reached, so this verification is not recorded.")
                    }
                    try await FolderView.record("verification", of: nil, in: configuration)
                }
            }
        }

        private static func show(_ summary: LedgerSummary, json: Bool) {
            if json { return Output.line(String(decoding: ConsoleJSON.encode(VerifiedView(summary)), as: UTF8.self)) }
            Output.line("\(Output.safe(summary.origin)): \(summary.size) entries, root \(summary.root)")
            if !summary.witnesses.isEmpty {
                Output.line("witnessed by \(Output.safe(summary.witnesses.joined(separator: ", ")))")
            }
            Output.line(
                "tree: \(summary.bundles) bundles, \(summary.tiles) tiles, \(summary.sessions) sessions (\(summary.openSessions) open)"
            )
            if let since = summary.since { Output.line("extends the checkpoint of \(since) entries") }
            if summary.hasRecord {
                Output.line(
                    "log: \(summary.logEntries) entries compared, \(summary.uncovered) not covered by the checkpoint yet"
                )
                Output.line(
                    "content: \(summary.contents) items as committed to, \(summary.partial) recorded in part, \(summary.erased) and \(summary.erasedSessions) sessions erased"
                )
            }
            Output.line(Output.styled("verified", .green))
        }

        private static func fail(_ problem: LedgerProblem, json: Bool) throws -> Never {
            if json {
                Output.line(String(decoding: ConsoleJSON.encode(ProblemView(problem)), as: UTF8.self))
                throw ExitCode(1)
            }
            throw CommandFailure(Output.safe("\(problem)"))
        }

        private static func read(_ file: String) throws -> [UInt8] {
            guard let handle = FileHandle(forReadingAtPath: file),
                let data = try handle.read(upToCount: SignedNote.Limits().bytes)
            else { throw CommandFailure.usage("\(Output.safe(file)) cannot be read.") }
            return Array(data)
        }

        /// The folder that a path lies in, and its last part; links are followed.
        static func split(_ path: String) -> (folder: String, name: String) {
            let url = URL(fileURLWithPath: path).resolvingSymlinksInPath()
            return (url.deletingLastPathComponent().path, url.lastPathComponent)
        }
    }
}

/// What `audit verify --json` prints.
struct VerifiedView: Encodable {
    var verified = true
    var origin: String
    var size: UInt64
    var root: String
    var witnesses: [String]
    var sessions: UInt64
    var openSessions: UInt64
    var since: UInt64?
    var logEntries: UInt64?
    var uncovered: UInt64?
    var contents: UInt64?
    var partial: UInt64?
    var erased: UInt64?
    var erasedSessions: UInt64?

    init(_ summary: LedgerSummary) {
        origin = summary.origin
        size = summary.size
        root = summary.root
        witnesses = summary.witnesses
        sessions = summary.sessions
        openSessions = summary.openSessions
        since = summary.since
        guard summary.hasRecord else { return }
        logEntries = summary.logEntries
        uncovered = summary.uncovered
        contents = summary.contents
        partial = summary.partial
        erased = summary.erased
        erasedSessions = summary.erasedSessions
    }
}

struct ProblemView: Encodable {
    var verified = false
    var kind: String
    var reason: String
    var file: String?
    var index: UInt64?
    var session: String?

    init(_ problem: LedgerProblem) {
        kind = problem.kind.rawValue
        reason = problem.reason
        file = problem.file
        index = problem.index
        session = problem.session?.description
    }
}
