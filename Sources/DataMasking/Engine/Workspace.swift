import CHyperscan

/// What one scan at a time needs, kept from scan to scan so that a scan takes no memory.
struct Workspace {
    /// The pattern engine's; nil where nothing is left to it.
    let scratch: OpaquePointer?
    var byPattern = FindList()
    var byNumber = FindList()
    var byAddress = FindList()
    /// The run of each alphabet that was walked last: many anchors may stand in one run.
    var runs: [Range<Int>] = Array(repeating: 0..<0, count: Alphabet.allCases.count)
    /// Finds that reach the end of what has come and go on.
    var open: [OpenFind] = []

    init(scratch: OpaquePointer?) {
        self.scratch = scratch
        open.reserveCapacity(8)
    }

    func free() {
        if let scratch { hs_free_scratch(scratch) }
        byPattern.free()
        byNumber.free()
        byAddress.free()
    }

    mutating func removeAll() {
        byPattern.removeAll()
        byNumber.removeAll()
        byAddress.removeAll()
        open.removeAll(keepingCapacity: true)
        for index in runs.indices { runs[index] = 0..<0 }
    }

    var isEmpty: Bool { byPattern.count == 0 && byNumber.count == 0 && byAddress.count == 0 }
}

struct OpenFind {
    let start: Int
    let run: OpenRun
}
