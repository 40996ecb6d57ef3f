import Crypto
import Foundation
import GRDB

/// The masked text of commands, each kept once for each shape.
package enum IndexedText {
    /// Bytes of a text that are kept and found; a longer one's rest is in its recording only.
    package static let longest = 32 << 10

    /// The text's row, made when there is none. `body` is nil when nothing was recorded.
    ///
    /// The digest that finds a text again is keyed, so that the file does not tell whether a guessed text was said.
    static func find(_ db: Database, shape: Int64, body: [UInt8]?, key: SymmetricKey) throws -> Int64 {
        var hash = HMAC<SHA256>(key: key)
        withUnsafeBytes(of: shape.littleEndian) { hash.update(data: $0) }
        withUnsafeBytes(of: Int64(body?.count ?? -1).littleEndian) { hash.update(data: $0) }
        if let body { hash.update(data: body) }
        let digest = Data(Data(hash.finalize()).prefix(16))
        let find = try db.cachedStatement(sql: "SELECT text FROM texts WHERE digest = ?")
        if let known = try Int64.fetchOne(find, arguments: [digest]) { return known }
        let kept = body.map { Data($0.prefix(longest)) }
        try db.cachedStatement(sql: "INSERT INTO texts (digest, shape, size, body) VALUES (?, ?, ?, ?)")
            .execute(arguments: [digest, shape, body?.count ?? 0, kept])
        let id = db.lastInsertedRowID
        if let kept, !kept.isEmpty {
            try db.cachedStatement(sql: "INSERT INTO grams (rowid, body) VALUES (?, ?)")
                .execute(arguments: [id, tokens(of: kept)])
        }
        return id
    }

    /// The text as it is cut into terms: cutting would end at a NUL.
    private static func tokens(of body: Data) -> Data {
        body.contains(0) ? Data(body.map { $0 == 0 ? 1 : $0 }) : body
    }

    /// Removes a text that no command has any more.
    static func remove(_ db: Database, _ text: Int64) throws {
        let find = try db.cachedStatement(sql: "SELECT body FROM texts WHERE text = ?")
        if let body = try Data.fetchOne(find, arguments: [text]), !body.isEmpty {
            // What was kept of the text must be told again, byte for byte.
            try db.cachedStatement(sql: "INSERT INTO grams (grams, rowid, body) VALUES ('delete', ?, ?)")
                .execute(arguments: [text, tokens(of: body)])
        }
        try db.cachedStatement(sql: "DELETE FROM texts WHERE text = ?").execute(arguments: [text])
    }
}
