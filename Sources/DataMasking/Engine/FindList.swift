/// A piece of the text that a detector found.
struct Find {
    var start: Int
    var end: Int
    /// The detector's place.
    var detector: Int
}

/// Finds in the order of their starts, in memory that is kept from scan to scan.
///
/// Its owner frees it; it is not copied while in use.
struct FindList {
    private var base: UnsafeMutablePointer<Find>
    private(set) var count = 0
    private var capacity: Int
    /// More than a row of any size that is usual needs; what a rare one took beyond is given back.
    private static let kept = 1 << 14

    init() {
        capacity = 64
        base = .allocate(capacity: capacity)
    }

    func free() { base.deallocate() }

    mutating func removeAll() {
        count = 0
        guard capacity > Self.kept else { return }
        base.deallocate()
        capacity = 64
        base = .allocate(capacity: capacity)
    }

    subscript(index: Int) -> Find { base[index] }

    /// Finds come nearly in order: a new one belongs at the end, or a few places before it.
    mutating func insert(_ find: Find) {
        if count > 0 {
            let last = base[count - 1]
            if last.detector == find.detector, find.start >= last.start, find.start < last.end {
                base[count - 1].end = max(last.end, find.end)
                return
            }
        }
        if count == capacity { grow() }
        var index = count
        while index > 0, base[index - 1].start > find.start {
            base[index] = base[index - 1]
            index -= 1
        }
        base[index] = find
        count += 1
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Find>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: base, count: count)
        base.deallocate()
        base = larger
        capacity *= 2
    }
}
