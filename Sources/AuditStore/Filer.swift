import GatewayCore
import AuditLedger

struct OpenSession {
    var context: SessionContext
    var nextSequence: UInt64
}
struct SearchIndex {
    func openSessions() throws(GatewayError) -> [OpenSession] { [] }
}
final class Filer: Sendable {
    let index = SearchIndex()
    init(directory: String, storage: any LogStorage) throws(GatewayError) {}
    func catchUp(to: UInt64) throws(GatewayError) {}
    func advance(to: LogPosition) {}
    func start() {}
    func close(at: LogPosition) {}
}
