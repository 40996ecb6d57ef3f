import Hummingbird
import Synchronization

/// Which methods each path takes, for the answer 405 (RFC 9110 section 15.5.6) to any other.
final class AllowedMethods: Sendable {
    private struct Known {
        /// The path's segments; nil stands for any one.
        var segments: [Substring?]
        /// The path ends in `**`: at least one segment more.
        var hasRest: Bool
        var method: HTTPRequest.Method
    }

    private let known = Mutex<[Known]>([])

    /// Learns the routes, once all of them have been added.
    func learn(from router: Router<ConsoleContext>) {
        let routes = router.routes.map { route in
            let parts = "\(route.path)".split(separator: "/")
            let segments = parts.filter { $0 != "**" }.map { $0.hasPrefix("{") ? nil : $0 }
            return Known(segments: segments, hasRest: parts.last == "**", method: route.method)
        }
        known.withLock { $0 = routes }
    }

    /// What `path` takes, sorted; empty when there is no such path.
    func methods(of path: String) -> [String] {
        let asked = path.split(separator: "/")
        var methods = known.withLock { known in
            Set(known.filter { Self.matches($0, asked) }.map(\.method.rawValue))
        }
        // HEAD comes with every GET.
        if methods.contains("GET") { methods.insert("HEAD") }
        return methods.sorted()
    }

    private static func matches(_ known: Known, _ asked: [Substring]) -> Bool {
        let count = known.segments.count
        guard known.hasRest ? asked.count > count : asked.count == count else { return false }
        return zip(known.segments, asked).allSatisfy { $0 == nil || $0 == $1 }
    }
}
