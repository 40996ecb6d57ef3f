package import GatewayCore
import Synchronization

/// One decision at a time about each approval, in the order of their coming: the desk hears of them in the order in which
/// their entries stand in the record.
package final class DecisionGate: Sendable {
    private let waiting = Mutex<[RecordID: [CheckedContinuation<Void, Never>]]>([:])

    package init() {}

    package func run<Value: Sendable>(
        _ id: RecordID, _ body: @Sendable () async throws -> Value
    ) async rethrows -> Value {
        await enter(id)
        defer { leave(id) }
        return try await body()
    }

    private func enter(_ id: RecordID) async {
        await withCheckedContinuation { continuation in
            let isFree = waiting.withLock { waiting in
                guard waiting[id] != nil else {
                    waiting[id] = []
                    return true
                }
                waiting[id]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave(_ id: RecordID) {
        let next = waiting.withLock { waiting -> CheckedContinuation<Void, Never>? in
            guard var queue = waiting[id], !queue.isEmpty else {
                waiting[id] = nil
                return nil
            }
            let next = queue.removeFirst()
            waiting[id] = queue
            return next
        }
        next?.resume()
    }
}
