/// Finds that overlap, as one: what any of them covers is hidden, and as the strictest of their methods says.
struct Cluster {
    var start: Int
    var end: Int
    /// The longest find's; of equal ones the first one's.
    var detector: Int
    var longest: Int
    var method: MaskMethod

    var length: Int { end - start }

    /// How the cluster is shown: `partial` is for one whole find of moderate length.
    var shownMethod: MaskMethod {
        method == .partial && (longest != length || length > Scan.longest) ? .redact : method
    }

    init(_ find: Find, _ method: MaskMethod) {
        start = find.start
        end = find.end
        detector = find.detector
        longest = find.end - find.start
        self.method = method
    }

    mutating func merge(_ other: Cluster) {
        end = max(end, other.end)
        if other.longest > longest {
            longest = other.longest
            detector = other.detector
        }
        if other.method.strictness > method.strictness { method = other.method }
    }
}

/// Walks the finds of the three passes in their order and joins what overlaps.
struct ClusterWalk {
    private let work: UnsafeMutablePointer<Workspace>
    private let methods: UnsafePointer<MaskMethod>
    private var pattern = 0
    private var number = 0
    private var address = 0

    /// - Parameter methods: by the detectors' places.
    init(_ work: UnsafeMutablePointer<Workspace>, _ methods: UnsafePointer<MaskMethod>) {
        self.work = work
        self.methods = methods
    }

    /// The next find as a cluster of its own.
    private mutating func nextFind(before limit: Int) -> Cluster? {
        let starts = (
            pattern < work.pointee.byPattern.count ? work.pointee.byPattern[pattern].start : Int.max,
            number < work.pointee.byNumber.count ? work.pointee.byNumber[number].start : Int.max,
            address < work.pointee.byAddress.count ? work.pointee.byAddress[address].start : Int.max
        )
        let least = min(starts.0, starts.1, starts.2)
        guard least < limit else { return nil }
        let find: Find
        if least == starts.0 {
            find = work.pointee.byPattern[pattern]
            pattern += 1
        } else if least == starts.1 {
            find = work.pointee.byNumber[number]
            number += 1
        } else {
            find = work.pointee.byAddress[address]
            address += 1
        }
        return Cluster(find, methods[find.detector])
    }

    /// - Parameter open: a cluster that has begun before: finds that overlap it go into it.
    mutating func next(into open: Cluster? = nil) -> Cluster? {
        guard var cluster = open ?? nextFind(before: Int.max) else { return nil }
        while let find = nextFind(before: cluster.end) { cluster.merge(find) }
        return cluster
    }
}
