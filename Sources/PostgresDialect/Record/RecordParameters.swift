import DataMasking
import GatewayCore
import NIOCore
import SQLAnalysis

/// Bind parameters as the record holds them: a JSON array of strings, numbers, booleans and nulls; what could not be
/// read as
/// text is `{"hex": "…"}`, what a mask hit is masked.
enum RecordParameters {
    /// Longer values are cut in the record; they are forwarded whole.
    private static let longest = 64 << 10

    static func json(_ bind: BindMessage, _ meanings: [Meaning], _ masks: MaskSet?) -> [UInt8] {
        var output: [UInt8] = [UInt8(ascii: "[")]
        for (index, parameter) in bind.parameters.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            guard let parameter else {
                output += Array("null".utf8)
                continue
            }
            let format =
                bind.parameterFormats.count == 1
                ? bind.parameterFormats[0] : bind.parameterFormats.count > index ? bind.parameterFormats[index] : 0
            let types = meanings.map { $0.parameterType(index) }
            let value = RecordValue.decode(parameter, format: format, type: Set(types).count == 1 ? types[0] : 0)
            write(value, method: method(index + 1, meanings, masks), masks, into: &output)
        }
        output.append(UInt8(ascii: "]"))
        return output
    }

    /// How parameter `number` is hidden by what its statement compares it with or writes it to.
    private static func method(_ number: Int, _ meanings: [Meaning], _ masks: MaskSet?) -> MaskMethod? {
        var strictest: MaskMethod?
        for meaning in meanings {
            guard let analysis = meaning.analysis else {
                if let masks, masks.hasColumnRules { return .redact }
                continue
            }
            for use in analysis.literals where use.parameter == number {
                guard let method = RecordText.method(for: use, masks) else { continue }
                if strictest.map({ $0.strictness < method.strictness }) ?? true { strictest = method }
            }
        }
        return strictest
    }

    private static func write(_ value: RecordValue, method: MaskMethod?, _ masks: MaskSet?, into output: inout [UInt8])
    {
        let key = masks?.key ?? MaskKey(bytes: [])
        if let method {
            var masked: [UInt8] = []
            let isShown = value.plain.withUnsafeBytes { method.apply(to: $0, into: &masked, key: key) }
            if isShown { JSONString.append(masked, into: &output) } else { output += Array("null".utf8) }
            return
        }
        switch value {
        case .literal(let text):
            if masks?.isQuiet(text) ?? true {
                output += text
            } else {
                JSONString.append(MaskedText.stars, into: &output)
            }
        case .text(let whole):
            let bytes = RecordSecrets.hidden(in: whole)
            var masked: [UInt8] = []
            switch masks.map({ masks in bytes.withUnsafeBytes { masks.mask(text: $0, into: &masked) } }) ?? .unchanged {
            case .unchanged:
                JSONString.append(
                    bytes.count > longest ? Array(bytes.prefix(longest)) + RecordText.hidden : bytes, into: &output)
            case .replaced: JSONString.append(masked, into: &output)
            case .null: output += Array("null".utf8)
            }
        case .binary(let bytes):
            // A text of no declared type comes as bytes, too.
            if bytes.withUnsafeBytes(RecordSecrets.occur) || !(masks?.isQuiet(bytes) ?? true) {
                return JSONString.append(MaskedText.stars, into: &output)
            }
            output += Array("{\"hex\":\"".utf8)
            for byte in bytes.prefix(longest) { output += [UInt8.hexDigit(byte >> 4), UInt8.hexDigit(byte & 0xF)] }
            output += Array("\"}".utf8)
        }
    }
}

/// A value of the wire as the record can show it.
enum RecordValue: Equatable {
    /// A JSON number or boolean.
    case literal([UInt8])
    case text([UInt8])
    case binary([UInt8])

    /// What a mask works on.
    var plain: [UInt8] {
        switch self {
        case .literal(let bytes), .text(let bytes), .binary(let bytes): bytes
        }
    }

    static func decode(_ value: ByteBuffer, format: Int16, type: UInt32) -> RecordValue {
        let bytes = Array(value.readableBytesView)
        guard format == 1 else { return isText(bytes) ? .text(bytes) : .binary(bytes) }
        func integer<I: FixedWidthInteger>(_: I.Type) -> RecordValue {
            guard bytes.count == MemoryLayout<I>.size, let number = value.getInteger(at: value.readerIndex, as: I.self)
            else {
                return .binary(bytes)
            }
            return .literal(Array(String(number).utf8))
        }
        switch type {
        case TypeOID.bool where bytes.count == 1:
            return .literal(Array((bytes[0] != 0 ? "true" : "false").utf8))
        case TypeOID.int2: return integer(Int16.self)
        case TypeOID.int4: return integer(Int32.self)
        case TypeOID.int8: return integer(Int64.self)
        case TypeOID.oid: return integer(UInt32.self)
        case TypeOID.float4:
            guard bytes.count == 4, let bits = value.getInteger(at: value.readerIndex, as: UInt32.self) else {
                return .binary(bytes)
            }
            return number(Double(Float(bitPattern: bits)), String(Float(bitPattern: bits)))
        case TypeOID.float8:
            guard bytes.count == 8, let bits = value.getInteger(at: value.readerIndex, as: UInt64.self) else {
                return .binary(bytes)
            }
            return number(Double(bitPattern: bits), String(Double(bitPattern: bits)))
        case TypeOID.uuid where bytes.count == 16:
            return .text(uuid(bytes))
        case TypeOID.text, TypeOID.varchar, TypeOID.bpchar, TypeOID.name, TypeOID.unknown, TypeOID.json, TypeOID.xml:
            return isText(bytes) ? .text(bytes) : .binary(bytes)
        case TypeOID.jsonb where bytes.first == 1 && isText(Array(bytes.dropFirst())):
            return .text(Array(bytes.dropFirst()))
        default:
            let readable = bytes.withUnsafeBytes { ReadableScalar.text($0, type: type) }
            return readable.map { .text($0) } ?? .binary(bytes)
        }
    }

    private static func number(_ value: Double, _ text: String) -> RecordValue {
        value.isFinite ? .literal(Array(text.utf8)) : .text(Array(text.utf8))
    }

    private static func uuid(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text += [UInt8.hexDigit(byte >> 4), UInt8.hexDigit(byte & 0xF)]
        }
        return text
    }

    private static func isText(_ bytes: [UInt8]) -> Bool {
        !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
    }
}

/// OIDs of built-in types (PostgreSQL's pg_type.dat), which never change.
package enum TypeOID {
    package static let bool: UInt32 = 16
    package static let bytea: UInt32 = 17
    package static let char: UInt32 = 18
    package static let name: UInt32 = 19
    package static let int8: UInt32 = 20
    package static let int2: UInt32 = 21
    package static let int4: UInt32 = 23
    package static let text: UInt32 = 25
    package static let oid: UInt32 = 26
    package static let json: UInt32 = 114
    package static let xml: UInt32 = 142
    package static let float4: UInt32 = 700
    package static let float8: UInt32 = 701
    package static let unknown: UInt32 = 705
    package static let textArray: UInt32 = 1009
    package static let bpcharArray: UInt32 = 1014
    package static let varcharArray: UInt32 = 1015
    package static let bpchar: UInt32 = 1042
    package static let varchar: UInt32 = 1043
    package static let cidr: UInt32 = 650
    package static let macaddr8: UInt32 = 774
    package static let macaddr: UInt32 = 829
    package static let inet: UInt32 = 869
    package static let date: UInt32 = 1082
    package static let time: UInt32 = 1083
    package static let timestamp: UInt32 = 1114
    package static let timestamptz: UInt32 = 1184
    package static let numeric: UInt32 = 1700
    package static let uuid: UInt32 = 2950
    package static let nameArray: UInt32 = 1003
    package static let record: UInt32 = 2249
    package static let recordArray: UInt32 = 2287
    package static let jsonb: UInt32 = 3802
    /// Types of users and extensions have no fixed number.
    package static let firstOfUsers: UInt32 = 16384
}
