import Foundation
import Hummingbird
import NIOCore
import Synchronization

/// A response that blocking code writes on a thread of its own, one piece at a time: it waits until the client has taken
/// the piece before, so a slow client costs no memory.
final class PushedBody: Sendable {
    /// The client has gone.
    struct Abandoned: Error {}

    private struct State {
        var piece: [UInt8]?
        var reader: CheckedContinuation<[UInt8]?, any Error>?
        var end: Result<Void, any Error>?
        var isAbandoned = false
    }

    private static let queue = DispatchQueue(label: "sallyport.console.exports", attributes: .concurrent)
    /// Each takes a thread for as long as its client reads.
    private static let most = 4
    private static let running = Mutex(0)

    private let state = Mutex(State())
    private let taken = DispatchSemaphore(value: 0)

    /// Errors: `Problem.busy` when enough are being written. Those of `make` cut the response, so that no client takes a
    /// part of it for the whole.
    static func response(
        type: String, _ make: @escaping @Sendable (_ write: ([UInt8]) throws -> Void) throws -> Void
    ) throws(Problem) -> Response {
        guard running.withLock({ $0 }) < most else {
            throw Problem.busy("Enough exports are being written now; try again in a moment.")
        }
        let body = ResponseBody { writer in
            running.withLock { $0 += 1 }
            let pushed = PushedBody()
            queue.async {
                defer { running.withLock { $0 -= 1 } }
                pushed.finish(Result { try make(pushed.put) })
            }
            defer { pushed.abandon() }
            while let piece = try await pushed.next() { try await writer.write(ByteBuffer(bytes: piece)) }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: type], body: body)
    }

    private func put(_ piece: [UInt8]) throws {
        guard !piece.isEmpty else { return }
        while true {
            let isDone = try state.withLock { state in
                guard !state.isAbandoned else { throw Abandoned() }
                if let reader = state.reader {
                    state.reader = nil
                    reader.resume(returning: piece)
                    return true
                }
                guard state.piece == nil else { return false }
                state.piece = piece
                return true
            }
            if isDone { return }
            taken.wait()
        }
    }

    private func finish(_ result: Result<Void, any Error>) {
        state.withLock { state in
            state.end = result
            guard let reader = state.reader else { return }
            state.reader = nil
            reader.resume(with: result.map { nil })
        }
    }

    private func next() async throws -> [UInt8]? {
        defer { taken.signal() }
        return try await withCheckedThrowingContinuation { reader in
            state.withLock { state in
                if let piece = state.piece {
                    state.piece = nil
                    reader.resume(returning: piece)
                } else if let end = state.end {
                    reader.resume(with: end.map { nil })
                } else {
                    state.reader = reader
                }
            }
        }
    }

    private func abandon() {
        state.withLock { $0.isAbandoned = true }
        taken.signal()
    }
}
