import Foundation
import GRDB
package import GatewayCore
import Glibc

extension SearchIndex {
    /// Removes all that the index knows of these sessions, and every text that no other session's command has, so that
    /// no byte of it is left in any of its files. Blocks until done; unknown sessions are passed over.
    ///
    /// To be called after the sessions' keys are destroyed: before that, making the index again would bring them back.
    /// Errors: `index_failed`, when something may be left; calling it again is safe.
    package func erase(sessions: [RecordID]) throws(GatewayError) {
        do {
            defer { forget() }
            try pool.write { db in
                var texts: Set<Int64> = []
                for session in sessions { try Self.erase(db, session, &texts) }
                try Self.removeUnused(db, texts)
                try db.execute(sql: "UPDATE progress SET pending = NULL")
            }
            try scrub()
            // An index put aside, or half made again, may hold what was just erased.
            let folder = String(path.dropLast(Self.name.utf8.count))
            Self.remove(folder + Self.damagedName)
            Self.remove(folder + Self.rebuildFolder + "/" + Self.name)
        } catch {
            throw Self.failure(error)
        }
    }

    private static func erase(_ db: Database, _ session: RecordID, _ texts: inout Set<Int64>) throws {
        guard
            let sid = try Int64.fetchOne(
                db, sql: "SELECT sid FROM sessions WHERE id = ?", arguments: [session.description])
        else { return }
        texts.formUnion(
            try Int64.fetchAll(db, sql: "SELECT DISTINCT text FROM commands WHERE sid = ?", arguments: [sid]))
        for table in ["commands", "approvals", "entries", "chunks", "sessions"] {
            try db.execute(sql: "DELETE FROM \(table) WHERE sid = ?", arguments: [sid])
        }
    }

    private static func removeUnused(_ db: Database, _ texts: Set<Int64>) throws {
        let isUsed = try db.cachedStatement(sql: "SELECT 1 FROM commands WHERE text = ? LIMIT 1")
        for text in texts.sorted() where try Int.fetchOne(isUsed, arguments: [text]) == nil {
            try IndexedText.remove(db, text)
        }
        try db.execute(
            sql: """
                DELETE FROM shapes WHERE NOT EXISTS (SELECT 1 FROM texts WHERE texts.shape = shapes.shape);
                DELETE FROM shape_names WHERE NOT EXISTS (SELECT 1 FROM shapes WHERE shapes.shape = shape_names.shape);
                """)
    }

    /// Rewrites the files without what was deleted: the terms are merged until none is kept for a deleted text, the
    /// tables are written anew (where rows were moved between pages, old bytes stay in the pages' gaps, which
    /// secure_delete does not reach), and the log of changes is emptied.
    private func scrub() throws {
        try pool.write { db in try db.execute(sql: "INSERT INTO grams (grams) VALUES ('optimize')") }
        try pool.barrierWriteWithoutTransaction { db in
            try db.execute(sql: "VACUUM")
            for _ in 0..<50 {
                // A reader in another process may hold the log for a moment.
                let row = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                if row?.value(0) == 0 { return }
                usleep(100_000)
            }
            throw GatewayError(
                .indexFailed,
                "What was erased may still lie in the search index's log of changes, because another process reads it; end that process and erase again."
            )
        }
    }
}
