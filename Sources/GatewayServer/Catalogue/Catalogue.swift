import DataMasking
import GatewayCore
import NIOCore
import SessionKernel

/// What one database says of its columns, asked over a connection of the gateway's own and kept for a while.
///
/// Confined to one event loop. Anything that cannot be answered is answered with nil, which the masks take as unknown.
final class Catalogue {
    private struct Known {
        var columns: [LookupRequest.ColumnReference: LookupAnswer.Column] = [:]
        var relations: [LookupRequest: LookupAnswer] = [:]
        /// The schema's version that all of it was asked at, or before.
        var version: UInt64 = 0
    }

    private static let viewDepth = 16
    /// The first OID that is not the server's own (FirstNormalObjectId).
    private static let firstOfUsers = 16384
    /// Of a table with more of them nothing is known: a mask may name any.
    private static let mostChildren = 2000

    private let eventLoop: any EventLoop
    private let connect: () -> EventLoopFuture<NIOLoopBound<CatalogueConnection>>
    private var connection: EventLoopFuture<NIOLoopBound<CatalogueConnection>>?
    private var known = Known()
    private let schema: SchemaVersion
    /// Number of the connection opened last.
    private var generation = 0

    init(
        eventLoop: any EventLoop, schema: SchemaVersion,
        connect: @escaping () -> EventLoopFuture<NIOLoopBound<CatalogueConnection>>
    ) {
        self.eventLoop = eventLoop
        self.schema = schema
        self.connect = connect
    }

    /// Gives up the connection and every question on it; the next question opens another.
    func close() {
        connection?.assumeIsolated().whenSuccess { $0.value.close() }
        connection = nil
    }

    func answer(_ request: LookupRequest) -> EventLoopFuture<LookupAnswer> {
        let asked = schema.current
        if known.version != asked { known = Known(version: asked) }
        switch request {
        case .columns(let references):
            return columns(references).map { LookupAnswer(columns: $0) }
        case .relation(let name, let columns, let searchPath):
            if let answer = known.relations[request] { return eventLoop.makeSucceededFuture(answer) }
            return relation(name, columns, searchPath).assumeIsolated().map { answer in
                if self.schema.current == asked { self.known.relations[request] = answer }
                return answer
            }.nonisolated()
        case .query(let text, let searchPath):
            return query(text, searchPath)
        }
    }

    // MARK: - Questions

    private func columns(_ references: [LookupRequest.ColumnReference]) -> EventLoopFuture<[LookupAnswer.Column]> {
        let wanted = Set(references).filter { $0.table != 0 && $0.attribute > 0 && known.columns[$0] == nil }
        let asked = schema.current
        return resolve(wanted, depth: 0).assumeIsolated().map { found in
            if self.schema.current == asked { self.known.columns.merge(found) { _, new in new } }
            return references.map { reference in
                found[reference] ?? self.known.columns[reference]
                    ?? LookupAnswer.Column(name: "", origins: [reference.table == 0 ? .computed : .unknown], type: 0)
            }
        }.nonisolated()
    }

    /// Base columns, and those of views and generated columns by way of what they come from.
    private func resolve(
        _ references: Set<LookupRequest.ColumnReference>, depth: Int
    ) -> EventLoopFuture<[LookupRequest.ColumnReference: LookupAnswer.Column]> {
        guard !references.isEmpty, depth < Self.viewDepth else { return eventLoop.makeSucceededFuture([:]) }
        let pairs = references.map { "(\($0.table)::oid,\($0.attribute)::int2)" }.joined(separator: ",")
        let text = """
            SELECT a.attrelid, a.attnum, a.attname, a.atttypid, n.nspname, c.relname, c.relkind,
              CASE WHEN c.relkind IN ('v','m') THEN (SELECT r.ev_action::pg_catalog.text FROM pg_catalog.pg_rewrite r
                WHERE r.ev_class = c.oid AND r.rulename = '_RETURN') END,
              CASE WHEN c.relkind IN ('v','m') THEN (SELECT pg_catalog.string_agg(d.refobjid || ':' || d.refobjsubid, ',')
                FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON d.objid = r.oid
                WHERE r.ev_class = c.oid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0 AND d.refobjid <> c.oid)
                WHEN a.attgenerated <> '' THEN (SELECT pg_catalog.string_agg(d.refobjid || ':' || d.refobjsubid, ',')
                FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef g ON d.objid = g.oid
                WHERE g.adrelid = c.oid AND g.adnum = a.attnum AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                  AND d.refobjid = c.oid AND d.refobjsubid > 0 AND d.refobjsubid <> a.attnum) END,
              (WITH RECURSIVE up(oid) AS (SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid
                 UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN up ON i.inhrelid = up.oid)
               SELECT pg_catalog.string_agg(pn.nspname || E'\\x01' || p.relname, E'\\x02') FROM up
                 JOIN pg_catalog.pg_class p ON p.oid = up.oid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace),
              (WITH RECURSIVE down(oid) AS (SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid
                 UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN down ON i.inhparent = down.oid)
               SELECT CASE WHEN pg_catalog.count(*) > \(Self.mostChildren) THEN '*'
                 ELSE pg_catalog.string_agg(pn.nspname || E'\\x01' || p.relname, E'\\x02') END FROM down
                 JOIN pg_catalog.pg_class p ON p.oid = down.oid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace),
              c.relkind IN ('v','m') AND EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON d.objid = r.oid
                JOIN pg_catalog.pg_proc f ON f.oid = d.refobjid
                WHERE r.ev_class = c.oid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                  AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND f.oid >= \(Self.firstOfUsers)
                  AND (f.prolang NOT IN (12, 13) OR f.proname ~ '^(dblink|crosstab|connectby|xpath_table)')),
              a.attgenerated <> ''
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE (a.attrelid, a.attnum) IN (\(pairs)) AND NOT a.attisdropped
            """
        return ask(text).assumeIsolated().flatMap { rows in
            var found: [LookupRequest.ColumnReference: LookupAnswer.Column] = [:]
            var beneath: [LookupRequest.ColumnReference: [LookupRequest.ColumnReference]] = [:]
            var computed: Set<LookupRequest.ColumnReference> = []
            for row in rows {
                guard row.count == 13, let table = row[0].flatMap({ UInt32($0) }),
                    let attribute = row[1].flatMap({ Int16($0) }),
                    let name = row[2], let type = row[3].flatMap({ UInt32($0) }), let schema = row[4],
                    let relation = row[5]
                else { continue }
                let reference = LookupRequest.ColumnReference(table: table, attribute: attribute)
                // Its own rows are those of its parents, too; a table's parents stand last (`Unmasking.covering`).
                let origins =
                    Self.relatives(row[10], column: name) + [.column(schema: schema, table: relation, column: name)]
                    + Self.relatives(row[9], column: name)
                found[reference] = LookupAnswer.Column(name: name, origins: origins, type: type)
                let isGenerated = row[12] == "t"
                guard row[6] == "v" || row[6] == "m" || isGenerated else { continue }
                found[reference]?.isView = !isGenerated
                let definition = ViewDefinition(nodeTree: (row[7] ?? "").utf8)
                if !isGenerated, let origin = definition.origins[attribute] {
                    beneath[reference] = [
                        LookupRequest.ColumnReference(table: origin.table, attribute: origin.attribute)
                    ]
                } else {
                    // Computed: it may carry anything that the view or the generation expression reads.
                    computed.insert(reference)
                    // A function in SQL or a procedural language reads what it wants; one in C (12, 13 are the server's own
                    // and C) reads no tables, but for a few of extensions.
                    if row[11] == "t" { found[reference]?.origins.append(.unknown) }
                    beneath[reference] = (row[8] ?? "").split(separator: ",").compactMap { pair in
                        let parts = pair.split(separator: ":")
                        guard parts.count == 2, let table = UInt32(parts[0]), let attribute = Int16(parts[1]) else {
                            return nil
                        }
                        return LookupRequest.ColumnReference(table: table, attribute: attribute)
                    }
                }
            }
            let (resolved, views, derived) = (found, beneath, computed)
            return self.resolve(Set(views.values.joined()), depth: depth + 1).map { deeper in
                var found = resolved
                for (reference, columns) in views {
                    for column in columns {
                        let origins = deeper[column]?.origins ?? [.unknown]
                        found[reference]?.origins += derived.contains(reference) ? origins.map(\.derived) : origins
                    }
                }
                return found
            }
        }.nonisolated()
    }

    private static func relatives(_ list: String?, column: String) -> [ColumnOrigin] {
        if list == "*" { return [.unknown] }
        return (list ?? "").split(separator: "\u{2}").compactMap { relative in
            let parts = relative.split(separator: "\u{1}", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            return .column(schema: String(parts[0]), table: String(parts[1]), column: column)
        }
    }

    private func relation(_ name: RelationName, _ columns: [String], _ searchPath: String?) -> EventLoopFuture<
        LookupAnswer
    > {
        let quoted = (name.schema.isEmpty ? "" : Self.identifier(name.schema) + ".") + Self.identifier(name.name)
        let text = """
            SELECT a.attrelid, a.attnum, a.attname FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = pg_catalog.to_regclass(\(Self.literal(quoted))) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
            """
        return withSearchPath(searchPath, text).assumeIsolated().flatMap { rows in
            var references: [String: LookupRequest.ColumnReference] = [:]
            var order: [LookupRequest.ColumnReference] = []
            for row in rows {
                guard row.count == 3, let table = row[0].flatMap({ UInt32($0) }),
                    let attribute = row[1].flatMap({ Int16($0) }),
                    let name = row[2]
                else { continue }
                let reference = LookupRequest.ColumnReference(table: table, attribute: attribute)
                references[name] = reference
                order.append(reference)
            }
            let wanted = columns.isEmpty ? order : columns.compactMap { references[$0] }
            guard !wanted.isEmpty, columns.isEmpty || wanted.count == columns.count else {
                return self.eventLoop.makeSucceededFuture(LookupAnswer(columns: nil))
            }
            return self.columns(wanted).map { LookupAnswer(columns: $0) }
        }.nonisolated()
    }

    /// Only described, never run: parsing looks names up and plans nothing.
    private func query(_ text: [UInt8], _ searchPath: String?) -> EventLoopFuture<LookupAnswer> {
        connected().assumeIsolated().flatMap { connection in
            guard let searchPath else { return connection.value.describe(text) }
            // Asked in one go, so that no other question comes between.
            _ = connection.value.query("BEGIN READ ONLY; \(Self.setting(searchPath))")
            defer { _ = connection.value.query("COMMIT") }
            return connection.value.describe(text)
        }.flatMap { described in
            self.columns(described.map(\.reference)).map { columns in
                LookupAnswer(
                    columns: zip(described, columns).map { described, column in
                        LookupAnswer.Column(name: described.name, origins: column.origins, type: described.type)
                    })
            }
        }.nonisolated()
    }

    // MARK: - The connection

    /// The rows of one question in SQL.
    func ask(_ text: String) -> EventLoopFuture<[[String?]]> {
        connected().assumeIsolated().flatMap { $0.value.query(text) }.nonisolated()
    }

    private func withSearchPath(_ path: String?, _ text: String) -> EventLoopFuture<[[String?]]> {
        guard let path else { return ask(text) }
        return ask("BEGIN READ ONLY; \(Self.setting(path)); \(text); COMMIT")
    }

    private func connected() -> EventLoopFuture<NIOLoopBound<CatalogueConnection>> {
        if let connection { return connection }
        let future = connect()
        connection = future
        generation += 1
        let mine = generation
        // What became of a connection given up is no matter of the one after it.
        let isOver = { if self.generation == mine { self.connection = nil } }
        future.assumeIsolated().whenComplete { result in
            switch result {
            case .failure: isOver()
            case .success(let connection): connection.value.whenClosed(isOver)
            }
        }
        return future
    }

    private static func identifier(_ name: String) -> String {
        "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    private static func literal(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    /// A search_path as the server reported it is a list of identifiers, quoted where they need to be; each is quoted
    /// anew.
    private static func setting(_ reported: String) -> String {
        "SET LOCAL search_path = "
            + reported.split(separator: ",").map { part in
                let trimmed = part.drop { $0 == " " }
                let bare = trimmed.hasPrefix("\"") && trimmed.hasSuffix("\"") ? trimmed.dropFirst().dropLast() : trimmed
                return identifier(String(bare))
            }.joined(separator: ", ")
    }
}
