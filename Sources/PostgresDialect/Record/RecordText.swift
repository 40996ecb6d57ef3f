import DataMasking
import GatewayCore
import SQLAnalysis

/// A command's text as the record holds it: what masks hit is hidden, secrets always.
enum RecordText {
    static let hidden = Array("…".utf8)

    static func masked(_ analysis: SQLAnalysis, _ masks: MaskSet?) -> [UInt8] {
        let hasMasks = masks.map { !$0.isEmpty } ?? false
        let hidesNothing = analysis.text.withUnsafeBytes { text in
            !hasMasks && !analysis.literals.contains { $0.secret || $0.parameter == nil && holdsSecret(text, $0.range) }
        }
        if hidesNothing { return analysis.text }
        let key = masks?.key ?? MaskKey(bytes: [])
        var output: [UInt8] = []
        output.reserveCapacity(analysis.text.count)
        analysis.text.withUnsafeBytes { text in
            let end = min(max(analysis.literalsEnd, 0), text.count)
            var position = 0
            for use in analysis.literals {
                guard use.parameter == nil, use.range.lowerBound >= position, use.range.upperBound <= end else {
                    continue
                }
                let token = UnsafeRawBufferPointer(rebasing: text[use.range])
                let method = method(for: use, masks)
                let shown = method == nil ? RecordSecrets.hidden(in: token) : nil
                guard method != nil || shown != nil else { continue }
                scan(text, position..<use.range.lowerBound, masks, into: &output)
                if let method {
                    LiteralMask.append(token, method: method, into: &output, key: key)
                } else {
                    shown?.withUnsafeBytes { scan($0, masks, into: &output) }
                }
                position = use.range.upperBound
            }
            scan(text, position..<end, masks, into: &output)
            if end < text.count { output += hidden }
        }
        return output
    }

    private static func holdsSecret(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        range.lowerBound >= 0 && range.upperBound <= text.count
            && RecordSecrets.occur(in: UnsafeRawBufferPointer(rebasing: text[range]))
    }

    /// How a literal or parameter is hidden; nil when no mask of a column can hit it.
    static func method(for use: LiteralUse, _ masks: MaskSet?) -> MaskMethod? {
        if use.secret { return .redact }
        guard let masks, masks.hasColumnRules else { return nil }
        if use.unknownColumn { return .redact }
        let methods = use.columns.compactMap { column in
            use.relation.map { masks.method(schema: $0.schema, table: $0.name, column: column) }
                ?? masks.mayMask(columnNamed: column)
        }
        return methods.max { $0.strictness < $1.strictness }
    }

    /// What stands between: detectors that apply everywhere read it too, comments and unmasked literals included.
    private static func scan(
        _ text: UnsafeRawBufferPointer, _ range: Range<Int>, _ masks: MaskSet?, into output: inout [UInt8]
    ) {
        let piece = UnsafeRawBufferPointer(rebasing: text[range])
        scan(piece, masks, into: &output)
    }

    private static func scan(_ piece: UnsafeRawBufferPointer, _ masks: MaskSet?, into output: inout [UInt8]) {
        switch masks?.mask(text: piece, into: &output) ?? .unchanged {
        case .unchanged: output.append(contentsOf: piece)
        case .replaced: break
        case .null: output += hidden
        }
    }
}
