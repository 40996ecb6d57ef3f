import AuditConsole
import AuditLedger
import AuditStore
import Foundation
import GatewayConfiguration
import GatewayCore
import Glibc

/// `audit export --session ID --bundle FILE`.
enum EvidenceExport {
    /// Seconds that the checkpoint may take to cover the session's last entry.
    private static let patience = 5

    /// Writes the bundle of a session; a file that is there already is replaced at the end, by a whole one.
    static func run(_ session: RecordID, to path: String, _ configuration: Configuration) async throws {
        let trail = try LocalTrail.open(configuration)
        let ledger = LedgerFolder(storage: PosixStorage(root: configuration.data))
        do {
            try await trail.catchUp()
            let writer = EvidenceWriter(
                archive: trail.archive, ledger: ledger, key: try LedgerSource.key(configuration))
            for _ in 0..<(patience * 10) {
                if try writer.covers(session) { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            let new = path + ".new"
            unlink(new)
            let descriptor = Glibc.open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw CommandFailure("\(Output.safe(path)) cannot be written.") }
            let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            do {
                try writer.write(session) { try file.write(contentsOf: $0) }
                try file.synchronize()
                guard rename(new, path) == 0 else { throw CommandFailure("\(Output.safe(path)) cannot be written.") }
            } catch {
                unlink(new)
                throw error
            }
            guard try writer.covers(session) else {
                return Output.note("note: the session's last entries are not covered by a checkpoint yet and left out.")
            }
        } catch let error as GatewayError {
            throw CommandFailure(error)
        } catch let problem as LedgerProblem {
            throw CommandFailure(Output.safe("\(problem)"))
        }
    }
}

/// `audit verify --bundle FILE`.
enum VerifyBundle {
    private struct View: Encodable {
        var verified = true
        var session: String
        var key: String
        var keyGiven: Bool
        var size: UInt64
        var entries: UInt64
        var closed: Bool
        var contents: UInt64
        var partial: UInt64
        var missing: UInt64
    }

    static func run(_ path: String, key: NoteVerifierKey?, json: Bool) throws {
        let (folder, name) = Audit.Verify.split(path)
        let file: any LogFile
        do throws(StorageFailure) {
            file = try PosixStorage(root: folder).open(name, create: false)
        } catch {
            throw CommandFailure.usage("\(Output.safe(path)) cannot be read (error \(error.number)).")
        }
        let found = try EvidenceCheck.run(file, key: key)
        if json {
            let view = View(
                session: found.session.description, key: found.key, keyGiven: found.isKeyGiven, size: found.size,
                entries: found.entries, closed: found.isClosed, contents: found.contents, partial: found.partial,
                missing: found.missing)
            return Output.line(String(decoding: ConsoleJSON.encode(view), as: UTF8.self))
        }
        Output.line("session \(found.session): \(found.entries) entries in a log of \(found.size), no gap")
        Output.line(
            found.isClosed
                ? "complete from its first entry to its close"
                : "without its close: it was still open when this was made, or its end was left out")
        Output.line("content: \(found.contents) items as committed to")
        if found.partial > 0 { Output.line("\(found.partial) items recorded in part, which proves nothing of them") }
        if found.missing > 0 { Output.line("\(found.missing) items not in the bundle: erased, or not shown") }
        if !found.isKeyGiven {
            Output.line("checked with the bundle's own key; compare it with the one you were given, or use --key:")
            Output.line(Output.safe(found.key))
        }
        Output.line(Output.styled("verified", .green))
    }
}
