/// A value that a mask names, as it passes: what is shown of it is known at its end.
package struct HiddenValue: Sendable {
    /// How many containers it lies in, where it is part of a structure.
    let depth: Int
    var isContainer = false
    var isWord = false
    private let method: MaskMethod
    private let key: MaskKey
    /// Its beginning: enough for methods that show a part.
    private var bytes: [UInt8] = []
    private var count = 0
    private var hash: MaskKey.StreamedHash?

    package init(_ method: MaskMethod, key: MaskKey) { self.init(method, key: key, depth: 0) }

    init(_ method: MaskMethod, key: MaskKey, depth: Int) {
        self.method = method
        self.key = key
        self.depth = depth
        hash = method == .hash ? MaskKey.StreamedHash(key) : nil
    }

    mutating func add(_ byte: UInt8) {
        withUnsafeBytes(of: byte) { add($0) }
    }

    package mutating func add(_ piece: UnsafeRawBufferPointer) {
        hash?.update(piece)
        count = count.addingReportingOverflow(piece.count).partialValue
        let room = Scan.longest - bytes.count
        if room > 0 { bytes.append(contentsOf: piece.prefix(room)) }
    }

    /// What is shown of a text; nil for nothing.
    package func shown() -> [UInt8]? {
        var output: [UInt8] = []
        switch method {
        case .null: return nil
        case .hash: hash?.append(to: &output)
        // The last four characters of an object tell nothing that anybody would recognise it by.
        case .partial where isContainer || count > bytes.count: output = MaskMethod.stars
        case .partial, .redact: _ = bytes.withUnsafeBytes { method.apply(to: $0, into: &output, key: key) }
        }
        return output
    }

    /// As a JSON value.
    func masked() -> [UInt8] {
        let null = Array("null".utf8)
        if isWord, bytes == null { return null }
        guard let shown = shown() else { return null }
        var output: [UInt8] = []
        JSONString.append(shown, into: &output)
        return output
    }
}
