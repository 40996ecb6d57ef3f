import Crypto
import Foundation
import GRDB

/// What a command's leaf tells of its meaning, which many commands share.
struct IndexedShape {
    var classes: [String] = []
    var verb: String?
    var objects: [String] = []
    var rules: [String] = []
    var verdict: String?

    /// The kinds of names in `shape_names`.
    enum NameKind: Int64 {
        case object = 0
        /// The part of an object's name behind its last dot.
        case lastPart = 1
        case rule = 2
    }

    /// No two different shapes have the same.
    var key: [UInt8] {
        var bytes: [UInt8] = []
        func add(_ text: String) {
            var text = text
            text.withUTF8 { utf8 in
                withUnsafeBytes(of: UInt32(truncatingIfNeeded: utf8.count)) { bytes.append(contentsOf: $0) }
                bytes.append(contentsOf: utf8)
            }
        }
        for list in [classes, objects, rules] {
            add(String(list.count))
            for one in list { add(one) }
        }
        for one in [verb, verdict] {
            bytes.append(one == nil ? 0 : 1)
            if let one { add(one) }
        }
        return bytes
    }

    /// The shape's row, made when there is none.
    static func find(_ db: Database, key: [UInt8], make: () -> IndexedShape) throws -> Int64 {
        // Leaves hold no content, so a plain digest tells nothing that the ledger does not.
        let digest = Data(SHA256.hash(data: key).prefix(16))
        let find = try db.cachedStatement(sql: "SELECT shape FROM shapes WHERE digest = ?")
        if let known = try Int64.fetchOne(find, arguments: [digest]) { return known }
        let shape = make()
        try db.cachedStatement(
            sql: "INSERT INTO shapes (digest, classes, verb, objects, rules, verdict) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            digest, encode(shape.classes), shape.verb, encode(shape.objects), encode(shape.rules), shape.verdict,
        ])
        let id = db.lastInsertedRowID
        for object in shape.objects {
            try add(db, .object, object, id)
            if let dot = object.lastIndex(of: ".") { try add(db, .lastPart, String(object[dot...].dropFirst()), id) }
        }
        for rule in shape.rules { try add(db, .rule, rule, id) }
        return id
    }

    private static func add(_ db: Database, _ kind: NameKind, _ name: String, _ shape: Int64) throws {
        try db.cachedStatement(sql: "INSERT OR IGNORE INTO shape_names (kind, name, shape) VALUES (?, ?, ?)")
            .execute(arguments: [kind.rawValue, name, shape])
    }

    // Lists as JSON, which no name can break out of.

    private static func encode(_ list: [String]) -> String {
        (try? JSONEncoder().encode(list)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    }

    static func decode(_ text: String) -> [String] {
        (try? JSONDecoder().decode([String].self, from: Data(text.utf8))) ?? []
    }
}
