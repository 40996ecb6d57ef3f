/// Makes values for detectors.
package enum Samples {
    /// - Returns: nil for a name that no sample is known of.
    package static func make(_ detector: String, _ random: inout SampleGenerator) -> Sample? {
        personal(detector, &random) ?? national(detector, &random) ?? secret(detector, &random)
    }
}
