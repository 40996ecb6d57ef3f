import GatewayCore
import NIOCore

/// Scalars in binary format (the types' send functions) as people read them; nil for other types, and for bytes that are
/// none of the type.
package enum ReadableScalar {
    package static func text(_ value: UnsafeRawBufferPointer, type: UInt32) -> [UInt8]? {
        switch type {
        case TypeOID.numeric: numeric(value)
        case TypeOID.date: integer(value, Int32.self).map { bytes(date(days: Int64($0), max: .max, min: .min)) }
        case TypeOID.time: integer(value, Int64.self).flatMap { time($0).map(bytes) }
        case TypeOID.timestamp: integer(value, Int64.self).map { bytes(timestamp($0, zone: "")) }
        case TypeOID.timestamptz: integer(value, Int64.self).map { bytes(timestamp($0, zone: "+00")) }
        case TypeOID.inet, TypeOID.cidr, TypeOID.macaddr, TypeOID.macaddr8:
            address(value, type)
        default: nil
        }
    }

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static func integer<I: FixedWidthInteger>(_ value: UnsafeRawBufferPointer, _: I.Type) -> I? {
        value.count == MemoryLayout<I>.size ? value.loadUnaligned(as: I.self).bigEndian : nil
    }

    private static func address(_ value: UnsafeRawBufferPointer, _ type: UInt32) -> [UInt8]? {
        var text: [UInt8] = []
        guard BinaryText.append(value, type: type, into: &text) else { return nil }
        guard type == TypeOID.inet || type == TypeOID.cidr, value.count >= 4 else { return text }
        let whole: UInt8 = value.count == 8 ? 32 : 128
        return value[1] == whole && type == TypeOID.inet ? text : text + bytes("/\(value[1])")
    }

    // MARK: - Numbers

    /// numeric_send: count of digits of base 10,000, weight of the first, sign, places behind the point; the digits.
    private static func numeric(_ value: UnsafeRawBufferPointer) -> [UInt8]? {
        guard value.count >= 8, value.count % 2 == 0 else { return nil }
        func word(_ index: Int) -> UInt16 { value.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self).bigEndian }
        let (count, weight, sign, scale) = (
            Int(word(0)), Int(Int16(bitPattern: word(1))), word(2), Int(word(3))
        )
        guard value.count == 8 + 2 * count, scale <= 16_383 else { return nil }
        switch sign {
        case 0xC000: return bytes("NaN")
        case 0xD000: return bytes("Infinity")
        case 0xF000: return bytes("-Infinity")
        case 0, 0x4000: break
        default: return nil
        }
        func digits(_ index: Int) -> [UInt8]? {
            guard index >= 0, index < count else { return Array(repeating: UInt8(ascii: "0"), count: 4) }
            guard word(4 + index) < 10_000 else { return nil }
            let text = bytes(String(word(4 + index)))
            return Array(repeating: UInt8(ascii: "0"), count: 4 - text.count) + text
        }
        var text: [UInt8] = []
        // A weight is at most 32,767, so this many digits in front of the point.
        if weight >= 0 {
            for index in 0...weight {
                guard let part = digits(index) else { return nil }
                text += part
            }
        }
        let first = text.firstIndex { $0 != UInt8(ascii: "0") }
        text = first.map { Array(text[$0...]) } ?? [UInt8(ascii: "0")]
        if scale > 0 {
            var places: [UInt8] = []
            // Index weight + 1 holds the first four places; below zero there are none there.
            var index = weight + 1
            while places.count < scale {
                guard let part = digits(index) else { return nil }
                places += part
                index += 1
            }
            text.append(UInt8(ascii: "."))
            text += places.prefix(scale)
        }
        return sign == 0x4000 ? [UInt8(ascii: "-")] + text : text
    }

    // MARK: - Times

    /// Days since 2000-01-01, as date_send counts.
    private static func date(days: Int64, max: Int32, min: Int32) -> String {
        if days == Int64(max) { return "infinity" }
        if days == Int64(min) { return "-infinity" }
        return date(days: days)
    }

    /// The proleptic Gregorian calendar; years before 1 as PostgreSQL writes them.
    private static func date(days: Int64) -> String {
        // Days since 0000-03-01, in eras of 400 years.
        let shifted = days + 730_425
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let day = shifted - era * 146_097
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
        let ofYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        let ofMonth = ofYear - (153 * month + 2) / 5 + 1
        let calendar = month < 10 ? month + 3 : month - 9
        let whole = year + era * 400 + (calendar <= 2 ? 1 : 0)
        let shown = whole > 0 ? whole : 1 - whole
        return "\(padded(shown, 4))-\(padded(calendar, 2))-\(padded(ofMonth, 2))" + (whole > 0 ? "" : " BC")
    }

    /// Microseconds since midnight.
    private static func time(_ microseconds: Int64) -> String? {
        guard (0...86_400_000_000).contains(microseconds) else { return nil }
        let seconds = microseconds / 1_000_000
        let rest = microseconds % 1_000_000
        let text = "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
        return rest == 0 ? text : text + "." + padded(rest, 6)
    }

    /// Microseconds since 2000-01-01 00:00.
    private static func timestamp(_ microseconds: Int64, zone: String) -> String {
        if microseconds == .max { return "infinity" }
        if microseconds == .min { return "-infinity" }
        var (days, rest) = microseconds.quotientAndRemainder(dividingBy: 86_400_000_000)
        // The day that the moment lies in, also before the epoch.
        if rest < 0 {
            days -= 1
            rest += 86_400_000_000
        }
        let clock = time(rest) ?? ""
        return date(days: days) + " " + clock + zone
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
