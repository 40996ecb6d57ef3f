/// A number as JSON writes it, of any length: compared digit by digit, so nothing is rounded.
struct DecimalNumber: Sendable, Hashable, Comparable {
    private let isNegative: Bool
    /// Without zeros at either end; none for zero.
    private let digits: [UInt8]
    /// Where the point stands: 0.digits times ten to this.
    private let exponent: Int

    private static let largest = 1_000_000_000

    /// Nil for what is no number in digits.
    init?(_ text: some Collection<UInt8>) {
        var rest = text[...]
        var isNegative = false
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            isNegative = sign == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        let whole = rest.prefix { $0 &- 0x30 < 10 }
        rest = rest.dropFirst(whole.count)
        var digits = Array(whole)
        if rest.first == UInt8(ascii: ".") {
            let part = rest.dropFirst().prefix { $0 &- 0x30 < 10 }
            guard !part.isEmpty else { return nil }
            digits += Array(part)
            rest = rest.dropFirst(part.count + 1)
        }
        guard !whole.isEmpty else { return nil }
        var exponent = whole.count
        if let mark = rest.first, mark | 0x20 == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            var isDown = false
            if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
                isDown = sign == UInt8(ascii: "-")
                rest = rest.dropFirst()
            }
            guard !rest.isEmpty else { return nil }
            var power = 0
            for byte in rest {
                guard byte &- 0x30 < 10 else { return nil }
                power = min(power * 10 + Int(byte - 0x30), Self.largest)
            }
            exponent += isDown ? -power : power
            rest = rest.dropFirst(rest.count)
        }
        guard rest.isEmpty else { return nil }
        let zeros = digits.prefix { $0 == 0x30 }.count
        digits.removeFirst(zeros)
        while digits.last == 0x30 { digits.removeLast() }
        self.digits = digits
        self.exponent = digits.isEmpty ? 0 : exponent - zeros
        self.isNegative = isNegative && !digits.isEmpty
    }

    init?(_ text: String) { self.init(Array(text.utf8)) }

    static func < (one: DecimalNumber, other: DecimalNumber) -> Bool {
        guard one.isNegative == other.isNegative else { return one.isNegative }
        return one.isNegative ? other.isSmaller(than: one) : one.isSmaller(than: other)
    }

    /// By magnitude.
    private func isSmaller(than other: DecimalNumber) -> Bool {
        if digits.isEmpty || other.digits.isEmpty { return digits.isEmpty && !other.digits.isEmpty }
        if exponent != other.exponent { return exponent < other.exponent }
        return digits.lexicographicallyPrecedes(other.digits)
    }
}
