/// Analyses by exact text, the least recently used going first when the bytes run out. Not locked: its owner does that.
struct AnalysisCache {
    private struct Slot {
        var hash: Int
        var analysis: SQLAnalysis
        var bytes: Int
        var previous: Int
        var next: Int
    }

    private let capacity: Int
    private var slots: [Slot?] = []
    private var free: [Int] = []
    /// Slot by hash; of two texts with one hash only the later is kept.
    private var index: [Int: Int] = [:]
    private var newest = -1
    private var oldest = -1
    private(set) var bytes = 0

    init(capacity: Int) {
        self.capacity = capacity
    }

    var count: Int { index.count }

    /// Keyed by the process, so that nobody outside can aim at a collision.
    static func hash(_ text: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: text)
        return hasher.finalize()
    }

    mutating func find(_ text: UnsafeRawBufferPointer, hash: Int) -> SQLAnalysis? {
        guard let position = index[hash], let slot = slots[position] else { return nil }
        guard slot.analysis.text.count == text.count,
            slot.analysis.text.withUnsafeBytes({ $0.elementsEqual(text) })
        else { return nil }
        if position != newest {
            unlink(position)
            link(position)
        }
        return slot.analysis
    }

    /// What is larger than an eighth of the whole is not kept.
    mutating func insert(_ analysis: SQLAnalysis, hash: Int) {
        let size = analysis.estimatedBytes
        guard size <= capacity / 8 else { return }
        if let position = index[hash] { remove(position) }
        while bytes + size > capacity, oldest >= 0 { remove(oldest) }
        let slot = Slot(hash: hash, analysis: analysis, bytes: size, previous: -1, next: -1)
        let position: Int
        if let reused = free.popLast() {
            position = reused
            slots[position] = slot
        } else {
            position = slots.count
            slots.append(slot)
        }
        index[hash] = position
        bytes += size
        link(position)
    }

    private mutating func remove(_ position: Int) {
        unlink(position)
        guard let slot = slots[position] else { return }
        bytes -= slot.bytes
        index[slot.hash] = nil
        slots[position] = nil
        free.append(position)
    }

    private mutating func link(_ position: Int) {
        slots[position]?.previous = newest
        slots[position]?.next = -1
        if newest >= 0 { slots[newest]?.next = position }
        newest = position
        if oldest < 0 { oldest = position }
    }

    private mutating func unlink(_ position: Int) {
        guard let slot = slots[position] else { return }
        if slot.previous >= 0 { slots[slot.previous]?.next = slot.next } else { oldest = slot.next }
        if slot.next >= 0 { slots[slot.next]?.previous = slot.previous } else { newest = slot.previous }
    }
}
