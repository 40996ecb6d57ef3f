/// What a refused token said of itself: unproven, bounded and made printable, for the entry of the refusal only.
package struct ClaimedIdentity: Sendable, Hashable {
    package var issuer: String?
    package var subject: String?

    package init(issuer: String? = nil, subject: String? = nil) {
        self.issuer = issuer
        self.subject = subject
    }

    init(payload: JSONValue) {
        self.issuer = payload["iss"]?.string.map(Self.printable)
        self.subject = payload["sub"]?.string.map(Self.printable)
    }

    /// At most 128 scalars; what a terminal or a log would act on (controls, format characters, separators) becomes
    /// `?`.
    package static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(128) {
            result.unicodeScalars.append(isPrintable(scalar) ? scalar : "?")
        }
        return result
    }

    /// Bytes of the longest claim that is accepted.
    package static let longest = ClaimReader.textLimit

    /// Whether a token could carry this text as a name.
    package static func canBeClaimed(_ text: String) -> Bool {
        text.utf8.count <= longest && text.unicodeScalars.allSatisfy(isPrintable)
    }

    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}
