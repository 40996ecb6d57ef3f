import DataMasking
import GatewayCore
import SQLAnalysis

/// A command's text as the record holds it: what masks hit is hidden, secrets always.
enum RecordText {
    static let hidden = Array("…".utf8)

    static func masked(_ analysis: SQLAnalysis, _ masks: MaskSet?) -> [UInt8] {
        let hasMasks = masks.map { !$0.isEmpty } ?? false
        if !hasMasks, !analysis.literals.contains(where: \.secret) { return analysis.text }
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
                guard let method = method(for: use, masks) else { continue }
                scan(text, position..<use.range.lowerBound, masks, into: &output)
                LiteralMask.append(token, method: method, into: &output, key: key)
                position = use.range.upperBound
            }
            scan(text, position..<end, masks, into: &output)
            if end < text.count { output += hidden }
        }
        return output
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
        guard let masks else {
            output.append(contentsOf: piece)
            return
        }
        switch masks.mask(text: piece, into: &output) {
        case .unchanged: output.append(contentsOf: piece)
        case .replaced: break
        case .null: output += hidden
        }
    }
}
