import DataMasking
import NIOCore

/// Rewrites COPY data on its way to the client. A server sends whole rows in each CopyData message; anything else is malformed.
struct CopyRewriter {
    let plan: MaskPlan
    let types: [UInt32]
    let format: CopyFormat
    let limit: Int
    private var isFirst = true

    init(plan: MaskPlan, types: [UInt32], format: CopyFormat, limit: Int) {
        self.plan = plan
        self.types = types
        self.format = format
        self.limit = limit
    }

    /// Takes the whole message of `total` bytes at the run's place; false when it is malformed.
    mutating func rewrite(_ total: Int, _ run: inout OutputRun) -> Bool {
        let source = run.source
        var isFine = false
        let wasFirst = isFirst
        isFirst = false
        run.replace(total) { output in
            let start = output.writerIndex
            output.writeInteger(BackendType.copyData)
            output.writeInteger(Int32(0))
            isFine = source.withUnsafeReadableBytes { bytes in
                let data = UnsafeRawBufferPointer(rebasing: bytes[5..<total])
                return switch format {
                case .text(true) where wasFirst, .csv(true) where wasFirst: header(data, into: &output)
                case .text: data.last == 0x0A && text(data, into: &output)
                case .csv: data.last == 0x0A && csv(data, into: &output)
                case .binary: binary(data, isFirst: wasFirst, into: &output)
                }
            }
            output.setInteger(Int32(clamping: output.writerIndex - start - 1), at: start + 1)
        }
        return isFine
    }

    private func type(_ column: Int) -> UInt32 {
        let type = types.indices.contains(column) ? types[column] : 0
        return type == 0 && format != .binary ? TypeOID.text : type
    }

    /// The line of column names.
    private func header(_ data: UnsafeRawBufferPointer, into output: inout ByteBuffer) -> Bool {
        guard data.last == 0x0A else { return false }
        output.writeBytes(data)
        return true
    }

    // MARK: - Text (COPY, "Text Format")

    private func text(_ data: UnsafeRawBufferPointer, into output: inout ByteBuffer) -> Bool {
        var scratch: [UInt8] = []
        var plain: [UInt8] = []
        var position = 0
        var column = 0
        while position < data.count {
            var end = position
            while data[end] != 0x09, data[end] != 0x0A { end += 1 }
            let field = UnsafeRawBufferPointer(rebasing: data[position..<end])
            guard column < plan.actions.count || data.count == 1 else { return false }
            if field.elementsEqual(Self.null) {
                output.writeBytes(field)
            } else {
                plain.removeAll(keepingCapacity: true)
                scratch.removeAll(keepingCapacity: true)
                let isEscaped = field.contains(0x5C)
                if isEscaped { Self.unescape(field, into: &plain) }
                let result =
                    isEscaped
                    ? plain.withUnsafeBytes {
                        ValueMask.mask($0, plan, column, type: type(column), format: 0, into: &scratch)
                    }
                    : ValueMask.mask(field, plan, column, type: type(column), format: 0, into: &scratch)
                switch result {
                case .unchanged: output.writeBytes(field)
                case .replaced: Self.escape(scratch, into: &output)
                case .null: output.writeBytes(Self.null)
                }
            }
            output.writeInteger(data[end])
            column += 1
            if data[end] == 0x0A {
                guard column == plan.actions.count || plan.actions.isEmpty else { return false }
                column = 0
            }
            position = end + 1
        }
        return column == 0
    }

    private static let null: [UInt8] = [0x5C, 0x4E]

    private static func unescape(_ field: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        var index = 0
        while index < field.count {
            let byte = field[index]
            index += 1
            guard byte == 0x5C, index < field.count else {
                output.append(byte)
                continue
            }
            // What the server writes: \b \f \n \r \t \v, and itself for anything else.
            switch field[index] {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "v"): output.append(0x0B)
            default: output.append(field[index])
            }
            index += 1
        }
    }

    private static func escape(_ value: [UInt8], into output: inout ByteBuffer) {
        for byte in value {
            switch byte {
            case 0x08: output.writeBytes([0x5C, UInt8(ascii: "b")])
            case 0x0C: output.writeBytes([0x5C, UInt8(ascii: "f")])
            case 0x0A: output.writeBytes([0x5C, UInt8(ascii: "n")])
            case 0x0D: output.writeBytes([0x5C, UInt8(ascii: "r")])
            case 0x09: output.writeBytes([0x5C, UInt8(ascii: "t")])
            case 0x0B: output.writeBytes([0x5C, UInt8(ascii: "v")])
            case 0x5C: output.writeBytes([0x5C, 0x5C])
            default: output.writeInteger(byte)
            }
        }
    }

    // MARK: - CSV (COPY, "CSV Format")

    private func csv(_ data: UnsafeRawBufferPointer, into output: inout ByteBuffer) -> Bool {
        var scratch: [UInt8] = []
        var plain: [UInt8] = []
        var position = 0
        var column = 0
        while position < data.count {
            plain.removeAll(keepingCapacity: true)
            scratch.removeAll(keepingCapacity: true)
            let start = position
            var isQuoted = false
            if data[position] == 0x22 {
                isQuoted = true
                position += 1
                while true {
                    guard position < data.count else { return false }
                    if data[position] == 0x22 {
                        guard position + 1 < data.count else { return false }
                        guard data[position + 1] == 0x22 else { break }
                        position += 1
                    }
                    plain.append(data[position])
                    position += 1
                }
                position += 1
            } else {
                while position < data.count, data[position] != 0x2C, data[position] != 0x0A {
                    plain.append(data[position])
                    position += 1
                }
            }
            guard position < data.count, data[position] == 0x2C || data[position] == 0x0A,
                column < max(plan.actions.count, 1)
            else { return false }
            let raw = UnsafeRawBufferPointer(rebasing: data[start..<position])
            if plain.isEmpty, !isQuoted {
                // The empty unquoted field is NULL.
            } else {
                switch plain.withUnsafeBytes({
                    ValueMask.mask($0, plan, column, type: type(column), format: 0, into: &scratch)
                }) {
                case .unchanged: output.writeBytes(raw)
                case .null: break
                case .replaced:
                    output.writeInteger(UInt8(0x22))
                    for byte in scratch {
                        if byte == 0x22 { output.writeInteger(byte) }
                        output.writeInteger(byte)
                    }
                    output.writeInteger(UInt8(0x22))
                }
            }
            output.writeInteger(data[position])
            column += 1
            if data[position] == 0x0A {
                guard column == plan.actions.count || plan.actions.isEmpty else { return false }
                column = 0
            }
            position += 1
        }
        return column == 0
    }

    // MARK: - Binary (COPY, "Binary Format")

    private static let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]

    private func binary(_ data: UnsafeRawBufferPointer, isFirst: Bool, into output: inout ByteBuffer) -> Bool {
        var position = 0
        if isFirst {
            guard data.count >= 19, data.prefix(11).elementsEqual(Self.signature) else { return false }
            let more = data.loadUnaligned(fromByteOffset: 15, as: Int32.self).bigEndian
            guard more >= 0, Int(more) <= data.count - 19 else { return false }
            position = 19 + Int(more)
            output.writeBytes(data[0..<position])
        }
        var scratch: [UInt8] = []
        while position < data.count {
            guard position + 2 <= data.count else { return false }
            let count = data.loadUnaligned(fromByteOffset: position, as: Int16.self).bigEndian
            output.writeInteger(count)
            position += 2
            if count == -1 { return position == data.count }
            guard count >= 0, Int(count) == plan.actions.count else { return false }
            for column in 0..<Int(count) {
                guard position + 4 <= data.count else { return false }
                let length = data.loadUnaligned(fromByteOffset: position, as: Int32.self).bigEndian
                position += 4
                guard length != -1 else {
                    output.writeInteger(length)
                    continue
                }
                guard length >= 0, Int(length) <= data.count - position else { return false }
                let value = UnsafeRawBufferPointer(rebasing: data[position..<position + Int(length)])
                position += Int(length)
                scratch.removeAll(keepingCapacity: true)
                switch ValueMask.mask(value, plan, column, type: type(column), format: 1, into: &scratch) {
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
        }
        return true
    }
}
