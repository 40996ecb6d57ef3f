import GatewayCore
import Synchronization

/// A result that one side waits for and several may give; the first counts.
final class SharedWaiter: Sendable {
    private struct State {
        var result: Result<Void, GatewayError>?
        var continuation: CheckedContinuation<Void, any Error>?
    }

    private let state = Mutex(State())

    func resume(_ result: Result<Void, GatewayError>) {
        let continuation = state.withLock { state in
            guard state.result == nil else { return nil as CheckedContinuation<Void, any Error>? }
            state.result = result
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(with: result.mapError { $0 as any Error })
    }

    func wait() async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let known = state.withLock { state in
                if state.result == nil { state.continuation = continuation }
                return state.result
            }
            if let known { continuation.resume(with: known.mapError { $0 as any Error }) }
        }
    }
}
