/// Durations in buckets of a sixteenth of a power of two: quantiles within about 6 %.
package struct LatencyHistogram: Sendable {
    private var buckets = [UInt32](repeating: 0, count: 64 * 16)
    package private(set) var count: UInt64 = 0

    package init() {}

    package mutating func record(_ nanoseconds: UInt64) {
        let value = max(nanoseconds, 16)
        let exponent = 63 - value.leadingZeroBitCount
        buckets[exponent * 16 + Int(value >> UInt64(exponent - 4) & 15)] &+= 1
        count += 1
    }

    /// The duration in nanoseconds that `fraction` of all stayed below; 0 when there is none.
    package func quantile(_ fraction: Double) -> UInt64 {
        var rest = UInt64((Double(count) * fraction).rounded(.up))
        for (index, bucket) in buckets.enumerated() where bucket > 0 {
            if rest <= UInt64(bucket) { return UInt64(16 + index % 16) << UInt64(max(index / 16 - 4, 0)) }
            rest -= UInt64(bucket)
        }
        return 0
    }
}
