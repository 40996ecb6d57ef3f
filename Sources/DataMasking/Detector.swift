/// A kind of value that is recognised by its content, as rules name it.
package enum Detector: String, Sendable, CaseIterable {
    case email
    case creditCard = "credit_card"
    case iban
    case usSSN = "us_ssn"
}

/// A piece of a text that a detector found, and what is to be shown instead.
package struct MaskEdit: Sendable, Hashable {
    /// Byte offsets into the scanned text.
    package var range: Range<Int>
    package var method: MaskMethod
    package var detector: Detector

    package init(range: Range<Int>, method: MaskMethod, detector: Detector) {
        self.range = range
        self.method = method
        self.detector = detector
    }
}
