/// Where a stream's bytes go: what passes, and what a find hides.
protocol StreamSink {
    mutating func pass(_ bytes: UnsafeRawBufferPointer)
    /// A piece of a find; after the piece with `isEnd` the find is over. A short find comes in one piece.
    mutating func hide(_ bytes: UnsafeRawBufferPointer, _ method: MaskMethod, isEnd: Bool)
}

/// Finds values in content without fields, however it is cut: the same finds as in the whole.
///
/// It keeps a window: bytes that have gone out and that detectors may look back at, then bytes held because something that
/// begins there may not have come whole. The block scanner runs over the window; only what it settled without reading
/// beyond the end goes on. At most about 9 KiB are held. A find longer than `Scan.longest` goes on in pieces.
struct StreamScanner: Sendable {
    private let scanner: Scanner
    private var window: [UInt8] = []
    /// The window does not begin with the content any more.
    private var isTruncated = false
    /// What stands before it in the window has gone out.
    private var boundary = 0
    private var open: OpenCluster?
    private var hasFailed = false

    /// A find that has gone out in part.
    private struct OpenCluster: Sendable {
        var cluster: Cluster
        /// How it goes on; empty when only its overlaps may prolong it.
        var runs: [OpenRun]
        /// Where the runs have come to.
        var ranTo: Int
    }

    /// Bytes behind the boundary that stay in the window.
    private static let context = 512
    private static let step = 64 << 10

    init(_ scanner: Scanner) { self.scanner = scanner }

    /// Bytes that have come and not gone out.
    var heldBytes: Int { window.count - boundary }

    mutating func take(_ bytes: UnsafeRawBufferPointer, _ sink: inout some StreamSink) {
        var position = 0
        while position < bytes.count {
            let end = min(position + Self.step, bytes.count)
            window.append(contentsOf: bytes[position..<end])
            position = end
            process(isFinal: false, &sink)
        }
    }

    mutating func finish(_ sink: inout some StreamSink) { process(isFinal: true, &sink) }

    private mutating func process(isFinal: Bool, _ sink: inout some StreamSink) {
        guard let engine = scanner.engine, !hasFailed else {
            hideAll(isFinal: isFinal, &sink)
            return
        }
        let isDone = window.withUnsafeBytes { bytes in
            engine.withWorkspace { work in
                self.process(bytes, engine, work, isFinal: isFinal, &sink)
            }
        }
        if isDone != true {
            hasFailed = true
            hideAll(isFinal: isFinal, &sink)
            return
        }
        trim()
    }

    /// A scanner that looks for nothing passes all; one that could not be made, or failed, hides all.
    private mutating func hideAll(isFinal: Bool, _ sink: inout some StreamSink) {
        let shows = scanner.isEmpty
        window.withUnsafeBytes { bytes in
            let rest = UnsafeRawBufferPointer(rebasing: bytes[boundary...])
            if shows { sink.pass(rest) } else { sink.hide(rest, .redact, isEnd: isFinal) }
        }
        window.removeAll(keepingCapacity: true)
        boundary = 0
    }

    /// - Returns: false when the pattern engine failed.
    private mutating func process(
        _ bytes: UnsafeRawBufferPointer, _ engine: DetectorEngine, _ work: UnsafeMutablePointer<Workspace>,
        isFinal: Bool, _ sink: inout some StreamSink
    ) -> Bool {
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            if isFinal, let open { sink.hide(bytes, open.cluster.shownMethod, isEnd: true) }
            if isFinal { open = nil }
            return true
        }
        let count = bytes.count
        advanceRuns(base, count, isFinal: isFinal)
        var scan = Scan(
            base, count: count, isFinal: isFinal, floor: isTruncated ? Scan.edge : 0, wanted: scanner.wanted,
            named: scanner.named, work: work)
        guard engine.run(&scan) else { return false }
        var held = count
        if !isFinal {
            held = min(scan.held, WindowTail.start(bytes))
            // A pattern's match may yet begin anywhere in its width, and what follows it may matter.
            if engine.customWidth > 0 { held = min(held, count - engine.customWidth - 1) }
        }
        held = max(held, boundary)
        let old = boundary
        scanner.methods.withUnsafeBufferPointer { methods in
            guard let methods = methods.baseAddress else { return }
            release(bytes, ClusterWalk(work, methods), held: held, isFinal: isFinal, &sink)
        }
        if open != nil {
            for find in work.pointee.open where find.start >= old && find.start < boundary {
                open?.runs.append(find.run)
            }
            open?.ranTo = count
        }
        return true
    }

    private mutating func advanceRuns(_ base: UnsafePointer<UInt8>, _ count: Int, isFinal: Bool) {
        guard var current = open else { return }
        var alive: [OpenRun] = []
        for var run in current.runs {
            var index = current.ranTo
            while index < count, run.takes(base[index]) { index += 1 }
            current.cluster.end = max(current.cluster.end, index)
            if index == count, !isFinal { alive.append(run) }
        }
        current.runs = alive
        open = current
    }

    /// Lets go what is settled: all before `held`, or before a find that is not over yet.
    private mutating func release(
        _ bytes: UnsafeRawBufferPointer, _ walk: ClusterWalk, held: Int, isFinal: Bool, _ sink: inout some StreamSink
    ) {
        var walk = walk
        func piece(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }
        var cluster = open.map { walk.next(into: $0.cluster) } ?? walk.next()
        while let found = cluster {
            let wasOpen = open != nil
            // What was found before the boundary has gone out with its find.
            if !wasOpen, found.end <= boundary {
                cluster = walk.next()
                continue
            }
            if !wasOpen, found.start >= held { break }
            let start = max(found.start, boundary)
            if start > boundary { sink.pass(piece(boundary..<start)) }
            boundary = start
            let goesOn = !isFinal && (found.end > held || found.end == bytes.count || !(open?.runs.isEmpty ?? true))
            if goesOn {
                let end = max(boundary, min(found.end, held))
                if wasOpen || end - found.start > Scan.longest {
                    if end > boundary { sink.hide(piece(boundary..<end), found.shownMethod, isEnd: false) }
                    boundary = end
                    open = OpenCluster(cluster: found, runs: open?.runs ?? [], ranTo: bytes.count)
                }
                return
            }
            let end = max(boundary, found.end)
            sink.hide(piece(boundary..<end), found.shownMethod, isEnd: true)
            boundary = end
            open = nil
            cluster = walk.next()
        }
        if held > boundary {
            sink.pass(piece(boundary..<held))
            boundary = held
        }
    }

    private mutating func trim() {
        let surplus = boundary - Self.context - (scanner.engine?.customWidth ?? 0)
        guard surplus > 0 else { return }
        window.removeFirst(surplus)
        isTruncated = true
        boundary -= surplus
        open?.cluster.start -= surplus
        open?.cluster.end -= surplus
        open?.ranTo -= surplus
    }
}

/// The end of what has come that may be the beginning of a find: the last word, which an address or a key may begin with.
enum WindowTail {
    private static let longest = 256

    static func start(_ bytes: UnsafeRawBufferPointer) -> Int {
        var start = bytes.count
        while start > 0, bytes.count - start < longest, isWord(bytes[start - 1]) { start -= 1 }
        // `AB 12 34 56 C`: two capitals stand apart from their digits.
        if start >= 3, bytes[start - 1] == 0x20, bytes[start - 2].isUpper, bytes[start - 3].isUpper,
            start == 3 || !bytes[start - 4].isLetter
        {
            start -= 3
        }
        return start
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        Email.isLocal(byte) || byte == 0x3A || byte == 0x40 || byte == 0x28 || byte == 0x3D
    }
}
