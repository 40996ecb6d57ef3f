/// One pass of the detectors over bytes that are there: what is known of them, and what cannot be told yet.
///
/// A detector reads bytes through `byte(_:)` only. When it reads beyond what has come of a text that goes on, what it
/// made of it does not count, and the text from its candidate on is held: so a find depends on the text, never on how it
/// was cut. Each detector looks back `lookBehind` bytes at most, and tells within `longest` bytes of a candidate's start
/// whether it is one.
struct Scan {
    /// Bytes before a candidate that may decide about it, the candidate's anchor included.
    static let lookBehind = 256
    /// What a find longer than this shows is its method's strictest form; from here on a find of open length counts as
    /// sure.
    static let longest = 4096
    /// Candidates that begin this near to the edge of a window have not all of their past in it.
    static let edge = 192

    let text: UnsafePointer<UInt8>
    let count: Int
    /// Nothing follows the text.
    let isFinal: Bool
    /// Where the first candidate may stand: behind the edge of a window that does not begin with the text.
    let floor: Int
    let wanted: DetectorSet
    /// Detectors whose keyword the column's name has.
    let named: DetectorSet
    let work: UnsafeMutablePointer<Workspace>

    /// A detector has read beyond what has come.
    var reachedEnd = false
    /// From here on nothing is settled.
    var held: Int
    /// Whether any detector of these families is wanted: asked at every number.
    let wantsHexadecimal: Bool
    let wantsLettered: Bool
    let wantsGrouped: Bool

    init(
        _ text: UnsafePointer<UInt8>, count: Int, isFinal: Bool = true, floor: Int = 0, wanted: DetectorSet,
        named: DetectorSet, work: UnsafeMutablePointer<Workspace>
    ) {
        self.text = text
        self.count = count
        self.isFinal = isFinal
        self.floor = floor
        self.wanted = wanted
        self.named = named
        self.work = work
        held = count
        wantsHexadecimal = wanted.intersects(Self.hexadecimal)
        wantsLettered = wanted.intersects(Self.lettered)
        wantsGrouped = wanted.intersects(Self.grouped)
    }

    /// The byte at `index`; 0 before the text and after its end.
    @inline(__always)
    mutating func byte(_ index: Int) -> UInt8 {
        if UInt(bitPattern: index) < UInt(bitPattern: count) { return text[index] }
        if index >= count { reachedEnd = true }
        return 0
    }

    /// Where the run of the alphabet's characters from `start` on ends. Linear over a text however many runs are asked
    /// for.
    mutating func runEnd(_ start: Int, _ alphabet: Alphabet) -> Int {
        let place = Int(alphabet.rawValue)
        let known = work.pointee.runs[place]
        var index = start
        if start >= known.lowerBound, start < known.upperBound {
            index = known.upperBound
        } else {
            while index < count, alphabet.contains(text[index]) { index += 1 }
            if index > start { work.pointee.runs[place] = start..<index }
        }
        if index >= count { reachedEnd = true }
        return index
    }

    /// What was read so far does not matter any more: a new candidate.
    @inline(__always)
    mutating func begin() { reachedEnd = false }

    /// Whether the candidate from `start` on can be judged; when not, the text is held from there.
    @inline(__always)
    mutating func isSettled(from start: Int) -> Bool {
        guard reachedEnd, !isFinal else { return true }
        if start >= floor { held = min(held, start) }
        return false
    }

    @inline(__always)
    func wants(_ detector: BuiltIn) -> Bool { wanted.contains(detector.index) }

    /// Tells a find of the patterns' pass.
    mutating func foundByPattern(_ detector: Int, _ start: Int, _ end: Int) {
        guard start >= floor, end > start else { return }
        work.pointee.byPattern.insert(Find(start: start, end: end, detector: detector))
    }

    /// Tells a find that goes on for as long as bytes of its alphabet come.
    mutating func foundOpen(_ detector: BuiltIn, _ start: Int, _ end: Int, _ run: OpenRun) {
        guard start >= floor, end > start else { return }
        if reachedEnd, !isFinal {
            guard end == count, end - start > Self.longest else {
                held = min(held, start)
                return
            }
            work.pointee.open.append(OpenFind(start: start, run: run))
        }
        work.pointee.byPattern.insert(Find(start: start, end: end, detector: detector.index))
    }

    mutating func foundNumber(_ detector: BuiltIn, _ start: Int, _ end: Int) {
        guard start >= floor else { return }
        work.pointee.byNumber.insert(Find(start: start, end: end, detector: detector.index))
    }

    mutating func foundAddress(_ start: Int, _ end: Int) {
        guard start >= floor else { return }
        work.pointee.byAddress.insert(Find(start: start, end: end, detector: BuiltIn.email.index))
    }
}
