/// How long to wait after failures in a row: 1 s, then twice as long each time up to a minute, less up to a half by chance, so
/// that many gateways do not come back at the same moment; or what the other side asked for, up to an hour.
package struct BackOff: Sendable {
    package static let longestAsked = 3600

    private let shortest: Double
    private let longest: Double
    private var next: Double

    package init(shortest: Double = 1, longest: Double = 60) {
        self.shortest = shortest
        self.longest = longest
        next = shortest
    }

    /// Seconds until the next attempt. `chance` is from 0 to 1.
    package mutating func delay(asked: Int? = nil, chance: Double = .random(in: 0...1)) -> Double {
        defer { next = min(next * 2, longest) }
        let own = next * (1 - chance / 2)
        return max(own, Double(min(max(asked ?? 0, 0), Self.longestAsked)))
    }

    package mutating func reset() {
        next = shortest
    }
}
