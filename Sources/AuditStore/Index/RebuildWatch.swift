import Crypto
import Dispatch
import GRDB
import GatewayCore
import Synchronization

/// Tells, a few times a second and on a thread of its own, how far an index is that is being made.
final class RebuildWatch: Sendable {
    private static let interval = DispatchTimeInterval.milliseconds(200)

    private let path: String
    private let end: UInt64
    private let vaultKey: SymmetricKey
    private let report: @Sendable (Double) -> Void
    private let isDone = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    init(path: String, end: UInt64, vaultKey: SymmetricKey, _ report: @escaping @Sendable (Double) -> Void) {
        self.path = path
        self.end = end
        self.vaultKey = vaultKey
        self.report = report
    }

    func start() throws(GatewayError) {
        try Thread.start("reindex-watch") { self.run() }
    }

    /// Blocks until nothing more is told.
    func stop() {
        isDone.signal()
        ended.wait()
    }

    private func run() {
        while isDone.wait(timeout: .now() + Self.interval) == .timedOut {
            // Not there yet, or just being written: next time.
            guard let index = try? SearchIndex(path: path, isReader: true, vaultKey: vaultKey) else { continue }
            if let position = try? index.progress().position, end > 0 { report(min(1, Double(position) / Double(end))) }
            try? index.pool.close()
        }
        ended.signal()
    }
}
