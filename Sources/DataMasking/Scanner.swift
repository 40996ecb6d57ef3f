import GatewayCore

/// Finds the values of a set of detectors in a text: linear in its length, without taking memory in the steady state.
///
/// A value: it shares the compiled engine of its mask set.
package struct Scanner: Sendable, Hashable {
    /// Nil when it looks for nothing, or when the engine could not be made (`isBroken`).
    let engine: DetectorEngine?
    private(set) var wanted = DetectorSet()
    /// Detectors one of whose keywords the column's name has.
    private(set) var named = DetectorSet()
    /// How each detector's finds are shown, by its place.
    private(set) var methods: [MaskMethod] = []
    /// There is no engine for what it should look for: then all of every text is hidden.
    private let isBroken: Bool

    /// Compiles an engine for these detectors only; where one is named twice the stricter method stands.
    package init(_ detectors: [(Detector, MaskMethod)] = []) {
        do throws(GatewayError) {
            engine = detectors.isEmpty ? nil : try DetectorEngine(detectors.map(\.0))
            isBroken = false
        } catch {
            engine = nil
            isBroken = true
        }
        for (detector, method) in detectors { add(detector, method) }
    }

    /// The same engine with no detector chosen.
    var blank: Scanner {
        var scanner = self
        scanner.wanted = DetectorSet()
        scanner.named = DetectorSet()
        scanner.methods = []
        return scanner
    }

    package var isEmpty: Bool { wanted.isEmpty && !isBroken }

    /// The column's name has a keyword of a detector.
    var isNamed: Bool { !named.isEmpty || isBroken }

    mutating func add(_ detector: Detector, _ method: MaskMethod) {
        guard let engine, let index = engine.index(of: detector) else { return }
        if methods.isEmpty { methods = Array(repeating: .partial, count: DetectorSet.capacity) }
        var method = method
        // Four characters of a password are too many.
        if method == .partial, case .builtIn(let builtIn) = detector.kind, !builtIn.info.showsTail { method = .redact }
        if wanted.contains(index), methods[index].strictness >= method.strictness { return }
        wanted.insert(index)
        methods[index] = method
    }

    /// Takes the names of a column for keywords of detectors that need one nearby.
    mutating func add(columnName name: String) {
        named.formUnion(KeywordTable.detectors(namedIn: name, of: wanted))
    }

    /// The pieces found, in order and apart from each other.
    package func scan(_ text: UnsafeRawBufferPointer) -> [MaskEdit] {
        var edits: [MaskEdit] = []
        _ = clusters(text) { cluster, engine in
            edits.append(
                MaskEdit(
                    range: cluster.start..<cluster.end, method: cluster.shownMethod,
                    detector: engine?.detector(at: cluster.detector) ?? .email))
            return true
        }
        return edits
    }

    package func scan(_ text: [UInt8]) -> [MaskEdit] {
        text.withUnsafeBytes { scan($0) }
    }

    /// Appends the text with what is found replaced.
    ///
    /// - Returns: `unchanged`, with nothing appended, when nothing was found; `null`, with nothing appended, when a find is to become null, which a
    ///   part of a text cannot be: then the whole value is.
    package func mask(_ text: UnsafeRawBufferPointer, into output: inout [UInt8], key: MaskKey) -> MaskedValue {
        let begin = output.count
        var position = 0
        var isFound = false
        let isWhole = clusters(text) { cluster, _ in
            isFound = true
            let method = cluster.shownMethod
            guard method != .null else { return false }
            output.append(contentsOf: text[position..<cluster.start])
            _ = method.apply(
                to: UnsafeRawBufferPointer(rebasing: text[cluster.start..<cluster.end]), into: &output, key: key)
            position = cluster.end
            return true
        }
        guard isWhole else {
            output.removeSubrange(begin...)
            return .null
        }
        guard isFound else { return .unchanged }
        output.append(contentsOf: text[position...])
        return .replaced
    }

    /// Whether several texts may be looked at as one, with a zero byte between them: no text holds that byte, and to what is
    /// built in it is what a text's end is. A pattern of the user's own may know the difference.
    package var canJoin: Bool {
        guard let engine, !isBroken else { return false }
        return !engine.customs.indices.contains { wanted.contains(DetectorEngine.firstCustom + $0) }
    }

    /// Tells where something may be found in joined texts. Whatever is found in one of them alone is among it; what is told
    /// may also be none, since one text's words count as near another's.
    ///
    /// - Returns: false when nothing can be told.
    package func search(joined: UnsafeRawBufferPointer, found: (Range<Int>) -> Void) -> Bool {
        guard canJoin else { return false }
        return clusters(joined) { cluster, _ in
            found(cluster.start..<cluster.end)
            return true
        }
    }

    /// Hands the clusters of the text over in order, until `body` says false.
    ///
    /// - Returns: whether `body` never did.
    private func clusters(_ text: UnsafeRawBufferPointer, _ body: (Cluster, DetectorEngine?) -> Bool) -> Bool {
        guard let base = text.baseAddress, !text.isEmpty, !isEmpty else { return true }
        guard let engine else { return body(Self.everything(text.count), nil) }
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        let result = engine.withWorkspace { work -> Bool in
            var scan = Scan(bytes, count: text.count, wanted: wanted, named: named, work: work)
            guard engine.run(&scan) else { return body(Self.everything(text.count), engine) }
            if work.pointee.isEmpty { return true }
            return methods.withUnsafeBufferPointer { methods in
                guard let methods = methods.baseAddress else { return true }
                var walk = ClusterWalk(work, methods)
                while let cluster = walk.next() {
                    guard body(cluster, engine) else { return false }
                }
                return true
            }
        }
        return result ?? body(Self.everything(text.count), engine)
    }

    /// The whole text as one find: what stands in when nothing can be known of it.
    static func everything(_ count: Int) -> Cluster {
        Cluster(Find(start: 0, end: count, detector: 0), .redact)
    }

    /// What is looked for and how it is shown: what two scanners are compared by, whatever engine they share.
    package var choice: [Detector: MaskMethod] {
        guard let engine else { return [:] }
        var choice: [Detector: MaskMethod] = [:]
        for index in methods.indices where wanted.contains(index) {
            choice[engine.detector(at: index)] = methods[index]
        }
        return choice
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.named == right.named && left.isBroken == right.isBroken
            && (left.engine === right.engine && left.wanted == right.wanted && left.methods == right.methods
                || left.choice == right.choice)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(choice)
        hasher.combine(named)
        hasher.combine(isBroken)
    }
}

extension MaskEdit {
    /// Appends `text` with the edits applied.
    ///
    /// - Parameter edits: in order and apart from each other, as `Scanner.scan` gives them.
    /// - Returns: false when an edit says `null`, which a part of a text cannot be: then the whole value is null and
    /// nothing was appended.
    package static func apply(
        _ edits: [MaskEdit], to text: UnsafeRawBufferPointer, into output: inout [UInt8], key: MaskKey
    ) -> Bool {
        if edits.contains(where: { $0.method == .null }) { return false }
        var position = 0
        for edit in edits {
            // Edits that do not fit this text come from a caller's mistake: showing less is the safe answer.
            let range = edit.range.clamped(to: position..<max(position, text.count))
            output.append(contentsOf: text[position..<range.lowerBound])
            _ = edit.method.apply(to: UnsafeRawBufferPointer(rebasing: text[range]), into: &output, key: key)
            position = range.upperBound
        }
        output.append(contentsOf: text[min(position, text.count)...])
        return true
    }
}
