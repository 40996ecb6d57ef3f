import GatewayCore

/// What the index's writer remembers between two transactions, so that a command that is like an earlier one costs no
/// look at the tables. A transaction takes it, and gives it back when it committed: after a failure it begins empty.
struct IndexMemory: Sendable {
    struct Session {
        var sid: Int64
        /// The sequence expected next.
        var next: UInt64
    }

    struct OpenCommand: Hashable {
        var sid: Int64
        var exchange: UInt64
    }

    struct TextKey: Hashable {
        var shape: Int64
        var body: [UInt8]?
    }

    private static let mostSessions = 4096
    private static let mostShapes = 4096
    private static let mostOpen = 16_384
    private static let mostTextBytes = 4 << 20

    private(set) var sessions: [RecordID: Session] = [:]
    private(set) var shapes: [[UInt8]: Int64] = [:]
    private(set) var texts: [TextKey: Int64] = [:]
    private(set) var open: [OpenCommand: Int64] = [:]
    private var textBytes = 0
    /// The text of a content record whose leaf comes next.
    var pending: [UInt8]?

    // Each is emptied when full, which costs some looks at the tables afterwards and nothing else.

    mutating func remember(_ session: RecordID, _ known: Session) {
        if sessions.count >= Self.mostSessions { sessions.removeAll(keepingCapacity: true) }
        sessions[session] = known
    }

    mutating func remember(shape key: [UInt8], _ shape: Int64) {
        if shapes.count >= Self.mostShapes { shapes.removeAll(keepingCapacity: true) }
        shapes[key] = shape
    }

    mutating func remember(_ key: TextKey, _ text: Int64) {
        textBytes += (key.body?.count ?? 0) + 64
        if textBytes > Self.mostTextBytes {
            texts.removeAll(keepingCapacity: true)
            textBytes = (key.body?.count ?? 0) + 64
        }
        texts[key] = text
    }

    mutating func begin(_ key: OpenCommand, _ command: Int64) {
        if open.count >= Self.mostOpen { open.removeAll(keepingCapacity: true) }
        open[key] = command
    }

    mutating func end(_ key: OpenCommand) {
        open[key] = nil
    }
}
