import NIOCore
package import SessionKernel

/// Who is waited for, and what a request is told that took too long.
extension HTTPDialect {
    package var pace: Pace {
        Pace(client: clientPace, target: isWaitingForAnswer && !response.hasBegun && conversation?.isOpen != true)
    }

    private var clientPace: Pace.Client {
        guard !reader.isStopped, waiting == nil else { return .free }
        if let pending {
            // It may wait for an answer, or for leave to send its body.
            return pending.parsed.head.isConversation || owesContinue ? .free : .body
        }
        return reader.input.readableBytes > 0 ? .head : .free
    }

    package mutating func targetIsLate() { targetWasLate = true }

    /// What becomes of a request whose target has gone without an answer.
    mutating func lostTarget() -> Refusal {
        defer { targetWasLate = false }
        return targetWasLate
            ? Refusal(code: "504", message: "The target did not begin to answer in time.")
            : Refusal(code: "502", message: "The target closed its connection without an answer.")
    }
}
