/// What a dialect waits for now, so that the shell, which has a clock, can tell who keeps whom waiting.
package struct Pace: Sendable, Equatable {
    package enum Client: Sendable {
        /// Nothing that it has begun and owes.
        case free
        /// The rest of a message's head.
        case head
        /// More of a body, which no answer was promised to come between.
        case body
    }

    package var client = Client.free
    /// The target has all of a command and has not begun to answer.
    package var target = false

    package init(client: Client = .free, target: Bool = false) {
        self.client = client
        self.target = target
    }
}
