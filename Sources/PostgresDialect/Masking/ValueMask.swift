import DataMasking

/// Masks one value so that it stays valid for its type; where that cannot be, NULL stands in.
enum ValueMask {
    static func mask(
        _ value: UnsafeRawBufferPointer, _ plan: MaskPlan, _ index: Int, type: UInt32, format: Int16,
        into output: inout [UInt8]
    ) -> MaskedValue {
        guard plan.actions.indices.contains(index) else { return .null }
        switch plan.actions[index] {
        case .pass:
            return .unchanged
        case .deny:
            return .null
        case .mask(let method):
            if method == .null { return .null }
            // Both formats of these types are the text itself.
            if TypeShape.isPlainText(type) { return plan.mask(value, column: index, into: &output) }
            return wholeJSON(value, plan, index, type, format, into: &output)
        case .json(let mask):
            if TypeShape.isPlainText(type) { return plan.mask(value, column: index, into: &output) }
            guard TypeShape.isJSON(type) else { return .null }
            return json(value, mask, plan.key, type, format, into: &output) ?? .null
        case .scan(let scanner):
            if TypeShape.isPlainText(type) { return scanner.mask(value, into: &output, key: plan.key) }
            return SearchedValue(scanner, plan.key).mask(value, type: type, format: format, into: &output)
        }
    }

    private static func wholeJSON(
        _ value: UnsafeRawBufferPointer, _ plan: MaskPlan, _ index: Int, _ type: UInt32, _ format: Int16,
        into output: inout [UInt8]
    ) -> MaskedValue {
        guard let body = jsonBody(value, type, format) else { return .null }
        var masked: [UInt8] = []
        guard plan.mask(body, column: index, into: &masked) == .replaced else { return .null }
        if body.count < value.count { output.append(1) }
        JSONString.append(masked, into: &output)
        return .replaced
    }

    /// Parts of a JSON value; nil, with nothing appended, when it could not be read.
    static func json(
        _ value: UnsafeRawBufferPointer, _ mask: JSONMask, _ key: MaskKey, _ type: UInt32, _ format: Int16,
        into output: inout [UInt8]
    ) -> MaskedValue? {
        guard let body = jsonBody(value, type, format) else { return nil }
        let begin = output.count
        if body.count < value.count { output.append(1) }
        let result = mask.mask(body, into: &output, key: key)
        if result != .replaced { output.removeSubrange(begin...) }
        return result
    }

    /// The text of a JSON value: jsonb's binary format begins with a version, 1 to this day.
    private static func jsonBody(_ value: UnsafeRawBufferPointer, _ type: UInt32, _ format: Int16)
        -> UnsafeRawBufferPointer?
    {
        guard TypeShape.isJSON(type) else { return nil }
        guard type == TypeOID.jsonb, format == 1 else { return value }
        return value.first == 1 ? UnsafeRawBufferPointer(rebasing: value.dropFirst()) : nil
    }
}
