import GatewayCore
import Testing

@Suite struct ConstantTimeTests {
    /// Also when what follows the difference is equal: the bytes behind it must not make it forgotten.
    @Test func everyDifferenceCounts() {
        for length in 1...40 {
            for fill in [UInt8(0), 1, 0x55, 0xAA, 0xFF] {
                let one = [UInt8](repeating: fill, count: length)
                #expect(ConstantTime.areEqual(one, one))
                for place in 0..<length {
                    for bit in 0..<8 {
                        var other = one
                        other[place] ^= 1 << bit
                        if ConstantTime.areEqual(one, other) || ConstantTime.areEqual(other, one) {
                            Issue.record("\(length) bytes of \(fill), bit \(bit) of byte \(place)")
                        }
                    }
                }
            }
        }
    }

    @Test func noTwoDigestsAreTakenForOne() {
        var random = SystemRandomNumberGenerator()
        let digests = (0..<600).map { _ in (0..<32).map { _ in UInt8.random(in: 0 ... .max, using: &random) } }
        for (place, one) in digests.enumerated() {
            for other in digests[..<place] where ConstantTime.areEqual(one, other) && one != other {
                Issue.record("\(one) for \(other)")
            }
        }
    }

    @Test func lengthsCount() {
        #expect(!ConstantTime.areEqual([1, 2], [1, 2, 3]) && !ConstantTime.areEqual([1], []))
        #expect(ConstantTime.areEqual([], []))
    }
}
