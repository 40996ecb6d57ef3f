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
