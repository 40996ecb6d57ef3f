/// A kind of value that is recognised by its content, as rules name it: one of the gateway's own or a pattern of the
/// policy file.
package struct Detector: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case builtIn(BuiltIn)
        case custom(CustomPattern)
    }

    let kind: Kind

    init(_ builtIn: BuiltIn) { kind = .builtIn(builtIn) }

    package init(_ custom: CustomPattern) { kind = .custom(custom) }

    /// The gateway's own detector of this name.
    package init?(rawValue name: String) {
        guard let builtIn = BuiltIn.byName[name] else { return nil }
        self.init(builtIn)
    }

    package var rawValue: String {
        switch kind {
        case .builtIn(let detector): detector.info.name
        case .custom(let pattern): pattern.name
        }
    }

    /// The gateway's own detectors.
    package static let allCases: [Detector] = BuiltIn.allCases.map(Detector.init)

    /// The detectors that a name in a rule's `detect` stands for: one, or those of a group.
    package static func named(_ name: String) -> [Detector] {
        if let detector = Detector(rawValue: name) { return [detector] }
        guard let group = DetectorInfo.Group(rawValue: name) else { return [] }
        return BuiltIn.allCases.filter { $0.info.group == group }.map(Detector.init)
    }

    package static let email = Detector(.email)
    package static let creditCard = Detector(.creditCard)
    package static let iban = Detector(.iban)
    package static let usSSN = Detector(.usSSN)
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
