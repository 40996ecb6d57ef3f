/// Durations and sizes as people write them.
package enum Quantity {
    /// `90s`, `15m`, `8h`, `2d` in seconds; nil for anything else, also without a unit, and on overflow.
    package static func seconds(_ text: String) -> Int? {
        parse(text, ["s": 1, "m": 60, "h": 3600, "d": 86_400], bare: nil)
    }

    /// `500ms`, `2s` in milliseconds.
    package static func milliseconds(_ text: String) -> Int? { parse(text, ["ms": 1, "s": 1000], bare: nil) }

    /// `4096`, `64KiB`, `16MiB`, `1GiB`, `2TiB`, and decimal `64kB`, `16MB`, `1GB`, `2TB`, in bytes.
    package static func bytes(_ text: String) -> Int? {
        parse(
            text,
            [
                "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "kB": 1000, "MB": 1_000_000,
                "GB": 1_000_000_000, "TB": 1_000_000_000_000,
            ],
            bare: 1)
    }

    private static func parse(_ text: String, _ units: [String: Int], bare: Int?) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = String(text.dropFirst(digits.count))
        guard let number = Int(digits), let factor = unit.isEmpty ? bare : units[unit] else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }
}
