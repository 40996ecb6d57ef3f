import GatewayConfiguration
import GatewayCore
import Logging
import NIOCore
import SessionKernel

/// How a session's two sides keep up, looked at every few seconds: what a client has begun and does not go on with, and
/// what it is sent and does not take.
struct PaceWatch {
    /// The least that a body must bring while it is read, in bytes per second.
    static let leastRate: Int64 = 240
    /// A stream of HTTP/2 is closed by its client so long after its answer was written, at the latest.
    static let longestRest: Int64 = 300

    /// Taken from the client since it signed in, and written to it.
    var received: Int64 = 0
    /// How often the client's channel has become writable, or has ceased to be.
    var turns = 0
    /// The client is read: neither target nor disk keeps it waiting.
    var isReading = true

    /// When the state that is watched began, by the session's clock in seconds, and what stood then.
    fileprivate var head: Int64?
    fileprivate var body: (since: Int64, received: Int64)?
    fileprivate var answer: Int64?
    fileprivate var stall: (since: Int64, buffered: Int, turns: Int)?
    fileprivate var rest: Int64?
}

extension SessionShell {
    /// Ends what is too slow. Called with the session's other look at the clock, so it is late by that much.
    ///
    /// - Returns: whether the session goes on.
    func watchPace() -> Bool {
        guard listener.kind == "http" else { return true }
        let now = NIODeadline.now().uptimeNanoseconds / 1_000_000_000
        let (seconds, waits) = (Int64(clamping: now), machine.dialect.pace)
        guard headKeepsUp(waits, seconds), bodyKeepsUp(waits, seconds) else {
            input {
                $0.abort(
                    .limit,
                    Refusal(code: "408", message: "The request was not sent to its end in time."))
            }
            return false
        }
        guard clientTakes(seconds) else {
            services.logger.info(
                "a client that takes nothing was left",
                metadata: ["session": .string(id?.description ?? "-")])
            input { $0.abort(.limit, Refusal(code: "57P05", message: "The answer was not taken in time.")) }
            dropClient()
            return false
        }
        answerKeepsUp(waits, seconds)
        return true
    }

    private func headKeepsUp(_ waits: Pace, _ now: Int64) -> Bool {
        guard waits.client == .head, pace.isReading else {
            pace.head = nil
            return true
        }
        let since = pace.head ?? now
        pace.head = since
        return now - since < Int64(listener.signInSeconds)
    }

    /// Over each stretch of the stall time in which it was always read.
    private func bodyKeepsUp(_ waits: Pace, _ now: Int64) -> Bool {
        guard waits.client == .body, pace.isReading else {
            pace.body = nil
            return true
        }
        guard let begun = pace.body else {
            pace.body = (now, pace.received)
            return true
        }
        let seconds = now - begun.since
        guard seconds >= Int64(listener.stallSeconds) else { return true }
        pace.body = (now, pace.received)
        return pace.received - begun.received >= PaceWatch.leastRate * seconds
    }

    private func clientTakes(_ now: Int64) -> Bool {
        guard let client = clientChannel else { return true }
        // A stream's channel does not tell what waits in it, but when that grows large and small.
        let waiting = listener.isStream ? (client.isWritable ? 0 : 1) : Self.buffered(client)
        if listener.isStream {
            guard machine.isIdle else {
                pace.rest = nil
                return moves(waiting, now)
            }
            let since = pace.rest ?? now
            pace.rest = since
            return now - since < PaceWatch.longestRest && moves(waiting, now)
        }
        return moves(waiting, now)
    }

    private func moves(_ waiting: Int, _ now: Int64) -> Bool {
        guard waiting > 0 else {
            pace.stall = nil
            return true
        }
        guard let begun = pace.stall, waiting >= begun.buffered, pace.turns == begun.turns else {
            pace.stall = (now, waiting, pace.turns)
            return true
        }
        pace.stall?.buffered = waiting
        return now - begun.since < Int64(listener.stallSeconds)
    }

    private static func buffered(_ channel: any Channel) -> Int {
        (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    private func answerKeepsUp(_ waits: Pace, _ now: Int64) {
        let most = admitted?.connection.limits.answerHead ?? 60
        guard waits.target else {
            pace.answer = nil
            return
        }
        let since = pace.answer ?? now
        pace.answer = since
        guard now - since >= Int64(most) else { return }
        pace.answer = nil
        services.logger.warning(
            "a target did not begin to answer",
            metadata: [
                "connection": .string(admitted?.connection.name ?? "-"), "seconds": .stringConvertible(most),
            ])
        input { $0.targetIsLate() }
    }
}
