import DequeModule
package import NIOCore

/// Bytes for the client in their order, each waiting until its record is durable.
///
/// Bytes of an unfinished answer may go at once, but while little of it is there and its end waits right behind, they
/// wait with it: one write instead of two, and the client wakes once.
package struct ClientQueue {
    private struct Item {
        var bytes: ByteBuffer
        var gate: RecordNumber
        var mayWait: Bool
        var startsMessage: Bool
    }

    /// Below this an answer's beginning waits for its end.
    private static let smallAnswer = 8192

    private var items: Deque<Item> = []
    /// Bytes that wait, for backpressure.
    package private(set) var byteCount = 0

    package init() {}

    package var isEmpty: Bool { items.isEmpty }

    /// Whether what was released so far ends where the first item that waits begins a message.
    package var startsMessage: Bool { items.first?.startsMessage ?? true }

    /// Appends `bytes`, to be released once record `gate` is durable.
    package mutating func append(
        _ bytes: ByteBuffer, gate: RecordNumber, mayWait: Bool = false, startsMessage: Bool = true
    ) {
        guard bytes.readableBytes > 0 else { return }
        byteCount += bytes.readableBytes
        items.append(Item(bytes: bytes, gate: gate, mayWait: mayWait, startsMessage: startsMessage))
    }

    /// Takes what may go now, in order.
    package mutating func release(through durable: RecordNumber, _ send: (ByteBuffer) -> Void) {
        var releasable = 0
        var releasableBytes = 0
        var firm = 0
        var firmBytes = 0
        for item in items {
            guard item.gate <= durable else { break }
            releasable += 1
            releasableBytes += item.bytes.readableBytes
            if !item.mayWait {
                firm = releasable
                firmBytes = releasableBytes
            }
        }
        let endIsBehind = releasable < items.count
        let count = endIsBehind && releasableBytes - firmBytes < Self.smallAnswer ? firm : releasable
        for _ in 0..<count {
            guard let item = items.popFirst() else { return }
            byteCount -= item.bytes.readableBytes
            send(item.bytes)
        }
    }

    /// Drops what was not released, e.g. when its record can never become durable.
    package mutating func discard() {
        items.removeAll()
        byteCount = 0
    }
}
