import DataMasking
import NIOCore

/// Rewrites one DataRow by a plan, in text and binary formats alike.
enum RowRewriter {
    /// - Parameters:
    ///   - count: bytes of the message at the run's place that are rewritten, header included; all are there.
    ///   - total: bytes of the whole message. When there are more, they follow as they are, and hold no masked column.
    /// - Returns: false when the row is malformed or does not fit the plan.
    static func rewrite(
        _ count: Int, of total: Int, _ plan: MaskPlan, _ columns: [RowDescription.Column], _ run: inout OutputRun
    )
        -> Bool
    {
        let source = run.source
        var isFine = false
        run.replace(count) { output in
            isFine = source.withUnsafeReadableBytes { bytes in
                write(
                    UnsafeRawBufferPointer(rebasing: bytes[5..<count]), more: total - count, plan, columns,
                    into: &output)
            }
        }
        return isFine
    }

    private static func write(
        _ row: UnsafeRawBufferPointer, more: Int, _ plan: MaskPlan, _ columns: [RowDescription.Column],
        into output: inout ByteBuffer
    ) -> Bool {
        guard row.count >= 2 else { return false }
        let count = Int(row.loadUnaligned(as: UInt16.self).bigEndian)
        guard count == columns.count, plan.actions.count == count else { return false }
        let start = output.writerIndex
        output.writeInteger(BackendType.dataRow)
        output.writeInteger(Int32(0))
        output.writeInteger(UInt16(count))
        var scratch: [UInt8] = []
        var position = 2
        for index in 0..<count {
            if more > 0, position == row.count { break }
            guard position + 4 <= row.count else { return false }
            let length = row.loadUnaligned(fromByteOffset: position, as: Int32.self).bigEndian
            position += 4
            if length == -1 {
                output.writeInteger(Int32(-1))
                continue
            }
            guard length >= 0, Int(length) <= row.count - position else { return false }
            let value = UnsafeRawBufferPointer(rebasing: row[position..<position + Int(length)])
            position += Int(length)
            scratch.removeAll(keepingCapacity: true)
            switch ValueMask.mask(
                value, plan, index, type: columns[index].type, format: columns[index].format, into: &scratch)
            {
            case .unchanged:
                output.writeInteger(length)
                output.writeBytes(value)
            case .replaced:
                output.writeInteger(Int32(clamping: scratch.count))
                output.writeBytes(scratch)
            case .null:
                output.writeInteger(Int32(-1))
            }
        }
        guard position == row.count else { return false }
        output.setInteger(Int32(clamping: output.writerIndex - start - 1 + more), at: start + 1)
        return true
    }
}

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
            guard type == TypeOID.json || type == TypeOID.jsonb else { return .null }
            return wholeJSON(value, plan, index, isBinaryJSONB: type == TypeOID.jsonb && format == 1, into: &output)
        case .scan:
            let result = plan.mask(value, column: index, into: &output)
            if TypeShape.isPlainText(type) || result == .unchanged { return result }
            // A piece replaced inside structured text may end a quoted part: only replacements without special bytes keep it whole.
            if format == 0, result == .replaced, TypeShape.keepsShape(value, output) { return .replaced }
            output.removeAll(keepingCapacity: true)
            return .null
        }
    }

    private static func wholeJSON(
        _ value: UnsafeRawBufferPointer, _ plan: MaskPlan, _ index: Int, isBinaryJSONB: Bool, into output: inout [UInt8]
    ) -> MaskedValue {
        var masked: [UInt8] = []
        let body = isBinaryJSONB ? UnsafeRawBufferPointer(rebasing: value.dropFirst()) : value
        guard plan.mask(body, column: index, into: &masked) == .replaced else { return .null }
        if isBinaryJSONB { output.append(1) }
        JSONText.write(masked, into: &output)
        return .replaced
    }
}

/// What a type's bytes look like.
enum TypeShape {
    /// Types whose value is any text, the same in both formats.
    static func isPlainText(_ type: UInt32) -> Bool {
        switch type {
        case TypeOID.text, TypeOID.varchar, TypeOID.bpchar, TypeOID.name, TypeOID.unknown: true
        default: false
        }
    }

    /// Types that detectors may read: text inside, even if structured. In text format every type is; a number column may
    /// hold a card number.
    static func isReadable(_ type: UInt32, format: Int16) -> Bool {
        switch type {
        case TypeOID.bool, TypeOID.bytea, TypeOID.int2, TypeOID.int4, TypeOID.oid, TypeOID.float4, TypeOID.float8,
            TypeOID.uuid:
            false
        case 1082, 1083, 1114, 1184, 1186, 1266: false
        case TypeOID.int8, 1700: format == 0
        default: true
        }
    }

    /// Whether a replacement changed no byte that gives structured text (JSON, arrays, composites) its shape.
    static func keepsShape(_ old: UnsafeRawBufferPointer, _ new: [UInt8]) -> Bool {
        func marks(_ bytes: some Sequence<UInt8>) -> [UInt8] {
            bytes.filter { [0x22, 0x27, 0x28, 0x29, 0x2C, 0x5B, 0x5C, 0x5D, 0x7B, 0x7D].contains($0) }
        }
        // A bare number that became stars is no number any more.
        guard let first = old.first, first == 0x22 || first == 0x7B || first == 0x5B || first == 0x28 else {
            return false
        }
        return marks(old) == marks(new)
    }
}
