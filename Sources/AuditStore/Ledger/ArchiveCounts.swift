import GRDB
import GatewayCore
import Glibc

extension AuditArchive {
    /// Waits, at most so long, until everything in the log at the time of the call is in the index. Blocks.
    func waitForIndex(seconds: Int) throws -> Bool {
        let end = try logEnd()
        for _ in 0..<(seconds * 100) {
            if try index.progress().position >= end { return true }
            usleep(10_000)
        }
        return try index.progress().position >= end
    }

    /// Sessions that the index knows, the gateway's own among them.
    func sessionCount() throws(GatewayError) -> UInt64 {
        try index.read { db in UInt64(clamping: try Int64.fetchOne(db, sql: "SELECT count(*) FROM sessions") ?? 0) }
    }
}
