import GRDB
import GatewayCore

extension AuditArchive {
    /// Sessions that the index knows, the gateway's own among them.
    func sessionCount() throws(GatewayError) -> UInt64 {
        try index.read { db in UInt64(clamping: try Int64.fetchOne(db, sql: "SELECT count(*) FROM sessions") ?? 0) }
    }
}
