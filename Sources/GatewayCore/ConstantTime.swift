/// Comparing what must not be guessed byte by byte.
package enum ConstantTime {
    /// In a time that depends on the lengths only.
    package static func areEqual(_ one: some Collection<UInt8>, _ other: some Collection<UInt8>) -> Bool {
        var difference = one.count ^ other.count
        for (left, right) in zip(one, other) { difference |= Int(left ^ right) }
        return difference == 0
    }
}
