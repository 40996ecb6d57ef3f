package import AccessPolicy

/// What a session holds at its target, asked over the gateway's own connection.
package enum TargetLocks {
    static let most = 50

    /// Locks of relations that are not the catalogue's, and advisory ones; in the last row who waits. The number is the
    /// target's own, so it is no text of anybody's.
    static func question(_ process: Int32) -> String {
        """
        SELECT * FROM (SELECT CASE WHEN l.locktype = 'advisory' THEN 'advisory lock'
          ELSE pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) END, l.mode
          FROM pg_catalog.pg_locks l LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
            ON c.oid = l.relation AND l.locktype = 'relation' AND l.database =
              (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
          WHERE l.pid = \(process) AND l.granted AND (l.locktype = 'advisory'
            OR c.relkind IN ('r', 'p', 'm', 'f', 'S', 'v') AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema'))
          GROUP BY 1, 2 ORDER BY 1, 2 LIMIT \(most)) held
        UNION ALL SELECT NULL, pg_catalog.count(DISTINCT w.pid)::pg_catalog.text FROM pg_catalog.pg_locks w
          WHERE NOT w.granted AND \(process) = ANY (pg_catalog.pg_blocking_pids(w.pid))
        """
    }

    /// Nil for rows that answer something else.
    package static func read(_ rows: [[String?]]) -> Approval.Locks? {
        guard let last = rows.last, last.count == 2, last[0] == nil, let waiting = last[1].flatMap({ Int($0) }) else {
            return nil
        }
        var locks: [Approval.TargetLock] = []
        for row in rows.dropLast() {
            guard row.count == 2, let object = row[0], let mode = row[1] else { return nil }
            locks.append(Approval.TargetLock(object: object, mode: mode))
        }
        return .held(locks, waiting: waiting)
    }
}
