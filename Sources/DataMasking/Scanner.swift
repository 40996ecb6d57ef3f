/// Finds the values of a set of detectors in a text: linear in its length, without an allocation when nothing is found.
package struct Scanner: Sendable, Hashable {
    private var methods: [Detector: MaskMethod] = [:]

    /// Where one detector is named twice the stricter method stands.
    package init(_ detectors: [(Detector, MaskMethod)] = []) {
        for (detector, method) in detectors {
            add(detector, method)
        }
    }

    package var isEmpty: Bool { methods.isEmpty }

    mutating func add(_ detector: Detector, _ method: MaskMethod) {
        if let present = methods[detector], present.strictness >= method.strictness { return }
        methods[detector] = method
    }

    mutating func add(_ other: Scanner) {
        for (detector, method) in other.methods { add(detector, method) }
    }

    /// The pieces found, in order and apart from each other.
    package func scan(_ text: UnsafeRawBufferPointer) -> [MaskEdit] {
        var edits: [MaskEdit] = []
        if let method = methods[.email] {
            EmailDetector.scan(text) { edits.append(MaskEdit(range: $0, method: method, detector: .email)) }
        }
        if let method = methods[.creditCard] {
            CardDetector.scan(text) { edits.append(MaskEdit(range: $0, method: method, detector: .creditCard)) }
        }
        if let method = methods[.iban] {
            IBANDetector.scan(text) { edits.append(MaskEdit(range: $0, method: method, detector: .iban)) }
        }
        if let method = methods[.usSSN] {
            USSSNDetector.scan(text) { edits.append(MaskEdit(range: $0, method: method, detector: .usSSN)) }
        }
        return edits.count > 1 && methods.count > 1 ? Self.merged(edits) : edits
    }

    package func scan(_ text: [UInt8]) -> [MaskEdit] {
        text.withUnsafeBytes { scan($0) }
    }

    /// Overlapping finds become one, masked by the stricter method; a stretch that two detectors share is redacted
    /// whole.
    private static func merged(_ edits: [MaskEdit]) -> [MaskEdit] {
        var result: [MaskEdit] = []
        for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            guard let last = result.last, edit.range.lowerBound < last.range.upperBound else {
                result.append(edit)
                continue
            }
            let range = last.range.lowerBound..<max(last.range.upperBound, edit.range.upperBound)
            let stricter = last.method.strictness >= edit.method.strictness ? last : edit
            let method = stricter.method.strictness < MaskMethod.redact.strictness ? .redact : stricter.method
            result[result.count - 1] = MaskEdit(range: range, method: method, detector: stricter.detector)
        }
        return result
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
