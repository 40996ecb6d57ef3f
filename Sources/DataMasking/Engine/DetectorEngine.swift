import CHyperscan
import GatewayCore
import Synchronization

/// The detectors of one mask set, compiled: one database for all that is found by a literal or a pattern, beside the
/// passes over digits and `@`. Immutable, shared by all threads.
final class DetectorEngine: Sendable {
    let wanted: DetectorSet
    let customs: [CustomPattern]
    /// The longest match of a custom pattern; 0 without any.
    let customWidth: Int
    private let anchors: [Anchor]
    private let database: PatternDatabase?
    private let spare = SpareWorkspaces()

    /// - Throws: what the pattern engine says.
    init(_ detectors: [Detector]) throws(GatewayError) {
        var wanted = DetectorSet()
        var customs: [CustomPattern] = []
        for detector in detectors {
            switch detector.kind {
            case .builtIn(let builtIn): wanted.insert(builtIn.index)
            case .custom(let pattern):
                guard !customs.contains(pattern) else { continue }
                guard customs.count < Self.mostCustoms else {
                    throw GatewayError(.detector, "a connection has at most \(Self.mostCustoms) detectors of its own")
                }
                wanted.insert(Self.firstCustom + customs.count)
                customs.append(pattern)
            }
        }
        self.wanted = wanted
        self.customs = customs
        customWidth = customs.map(\.width).max() ?? 0
        let present = wanted
        anchors = Anchor.all.filter { $0.detectors.intersects(present) }
        database =
            anchors.isEmpty && customs.isEmpty
            ? nil : try PatternDatabase(literals: anchors.map(\.literal), customs: customs)
    }

    static let firstCustom = BuiltIn.allCases.count
    static let mostCustoms = DetectorSet.capacity - firstCustom

    func index(of detector: Detector) -> Int? {
        switch detector.kind {
        case .builtIn(let builtIn): builtIn.index
        case .custom(let pattern): customs.firstIndex(of: pattern).map { $0 + Self.firstCustom }
        }
    }

    func detector(at index: Int) -> Detector {
        index < Self.firstCustom ? Detector.allCases[index] : Detector(customs[index - Self.firstCustom])
    }

    /// Runs `body` with a workspace of its own.
    ///
    /// - Returns: nil when there is no memory for one.
    func withWorkspace<Result>(_ body: (UnsafeMutablePointer<Workspace>) -> Result) -> Result? {
        guard let work = spare.take() ?? makeWorkspace() else { return nil }
        defer { spare.give(back: work) }
        return body(work)
    }

    private func makeWorkspace() -> UnsafeMutablePointer<Workspace>? {
        var scratch: OpaquePointer?
        if let database {
            scratch = database.makeScratch()
            if scratch == nil { return nil }
        }
        let work = UnsafeMutablePointer<Workspace>.allocate(capacity: 1)
        work.initialize(to: Workspace(scratch: scratch))
        return work
    }

    /// Runs all passes; the finds are in the scan's workspace.
    ///
    /// - Returns: false when the pattern engine failed: then nothing is known of the text.
    func run(_ scan: inout Scan) -> Bool {
        scan.work.pointee.removeAll()
        if scan.wants(.email) { scan.scanAddresses() }
        scan.scanNumbers()
        guard let database else { return true }
        guard let length = UInt32(exactly: scan.count) else { return false }
        // Shorter than any literal.
        if length < 3, customs.isEmpty { return true }
        let text = UnsafeRawPointer(scan.text).assumingMemoryBound(to: CChar.self)
        let scratch = scan.work.pointee.scratch
        return withUnsafeMutablePointer(to: &scan) { scan in
            anchors.withUnsafeBufferPointer { anchors in
                var hits = Hits(scan: scan, anchors: anchors, engine: Unmanaged.passUnretained(self))
                return withUnsafeMutablePointer(to: &hits) { hits in
                    hs_scan(
                        database.pointer, text, length, 0, scratch,
                        { id, from, to, _, context in
                            context?.assumingMemoryBound(to: Hits.self).pointee.take(id, from, to)
                            return 0
                        }, hits) == HS_SUCCESS
                }
            }
        }
    }

    fileprivate func custom(_ index: Int, _ range: Range<Int>, _ scan: inout Scan) {
        guard customs.indices.contains(index), scan.wanted.contains(index + Self.firstCustom) else { return }
        let match = UnsafeBufferPointer(start: scan.text + range.lowerBound, count: range.count)
        guard customs[index].accepts(match) else { return }
        scan.foundByPattern(index + Self.firstCustom, range.lowerBound, range.upperBound)
    }
}

/// Where the pattern engine's matches go.
private struct Hits {
    let scan: UnsafeMutablePointer<Scan>
    let anchors: UnsafeBufferPointer<Anchor>
    let engine: Unmanaged<DetectorEngine>

    func take(_ id: UInt32, _ from: UInt64, _ to: UInt64) {
        let index = Int(id)
        if index < anchors.count {
            if anchors[index].detectors.intersects(scan.pointee.wanted) {
                scan.pointee.hit(anchors[index], Int(to))
            }
        } else if from < to {
            engine.takeUnretainedValue().custom(index - anchors.count, Int(from)..<Int(to), &scan.pointee)
        }
    }
}

/// Workspaces that no scan uses at the moment.
///
/// A few slots are taken and filled by one exchange each; what does not fit in is freed.
final class SpareWorkspaces: Sendable {
    private let first = Atomic<UInt>(0)
    private let second = Atomic<UInt>(0)
    private let third = Atomic<UInt>(0)
    private let fourth = Atomic<UInt>(0)

    func take() -> UnsafeMutablePointer<Workspace>? {
        Self.pointer(first.exchange(0, ordering: .acquiring)) ?? Self.pointer(second.exchange(0, ordering: .acquiring))
            ?? Self.pointer(third.exchange(0, ordering: .acquiring))
            ?? Self.pointer(fourth.exchange(0, ordering: .acquiring))
    }

    func give(back work: UnsafeMutablePointer<Workspace>) {
        var bits = first.exchange(UInt(bitPattern: work), ordering: .acquiringAndReleasing)
        if bits != 0 { bits = second.exchange(bits, ordering: .acquiringAndReleasing) }
        if bits != 0 { bits = third.exchange(bits, ordering: .acquiringAndReleasing) }
        if bits != 0 { bits = fourth.exchange(bits, ordering: .acquiringAndReleasing) }
        if let left = Self.pointer(bits) { Self.free(left) }
    }

    deinit {
        while let work = take() { Self.free(work) }
    }

    private static func pointer(_ bits: UInt) -> UnsafeMutablePointer<Workspace>? { .init(bitPattern: bits) }

    private static func free(_ work: UnsafeMutablePointer<Workspace>) {
        work.pointee.free()
        work.deinitialize(count: 1)
        work.deallocate()
    }
}
