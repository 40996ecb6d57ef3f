/// Text that somebody decides on, or that comes from elsewhere, so that it shows what it is.
package enum VisibleText {
    /// Whether a terminal shows the scalar, as itself and nothing else. Spaces other than the one of ASCII, and what
    /// Unicode lets a renderer leave out, are not shown.
    package static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        guard !scalar.isASCII else { return scalar.value >= 0x20 && scalar.value != 0x7F }
        if scalar.properties.isDefaultIgnorableCodePoint || blanks.contains(scalar) { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator, .spaceSeparator, .privateUse,
            .unassigned:
            return false
        default: return true
        }
    }

    /// Shown as nothing, though they are symbols.
    private static let blanks: Set<Unicode.Scalar> = ["\u{2800}", "\u{16FE4}", "\u{1D159}"]

    package static func number(_ scalar: Unicode.Scalar) -> String {
        "\\u{" + String(scalar.value, radix: 16) + "}"
    }

    /// What a terminal would act on, or show as nothing at all, is shown by its number.
    package static func safe(_ text: some StringProtocol, keepingLines: Bool = false) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n" where keepingLines: result.unicodeScalars.append(scalar)
            case "\n": result += "\\n"
            case "\t": result += keepingLines ? "    " : "\\t"
            case "\r": result += "\\r"
            default:
                if isShown(scalar) { result.unicodeScalars.append(scalar) } else { result += number(scalar) }
            }
        }
        return result
    }

    /// Letters that pass for ones of ASCII are given by their number: in a word that has letters of both kinds, and in
    /// one that is made of nothing else. A word of another script stays readable.
    package static func exact(_ text: String) -> String {
        var result = ""
        var word: [Unicode.Scalar] = []
        func end() {
            let letters = word.filter { $0.properties.isAlphabetic }
            let mixes = letters.contains(where: \.isASCII)
            let passes = letters.allSatisfy { $0.isASCII || passesForASCII($0) }
            for scalar in word {
                let isForeign = !scalar.isASCII && !isLatin(scalar)
                let isHidden = isStyled(scalar) || isForeign && (mixes || passes)
                if isHidden { result += number(scalar) } else { result.unicodeScalars.append(scalar) }
            }
            word.removeAll(keepingCapacity: true)
        }
        for scalar in text.unicodeScalars {
            if scalar.properties.isAlphabetic || scalar.properties.numericType != nil || scalar == "_" {
                word.append(scalar)
            } else {
                end()
                if isStyled(scalar) { result += number(scalar) } else { result.unicodeScalars.append(scalar) }
            }
        }
        end()
        return result
    }

    /// Letters, digits and signs of ASCII in another dress: full width, mathematical, enclosed.
    private static func isStyled(_ scalar: Unicode.Scalar) -> Bool {
        (0xFF01...0xFF5E).contains(scalar.value) || (0x1D400...0x1D7FF).contains(scalar.value)
            || (0x2460...0x24FF).contains(scalar.value) || (0x1F100...0x1F1FF).contains(scalar.value)
    }

    private static func isLatin(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.name?.hasPrefix("LATIN ") ?? false
    }

    private static func passesForASCII(_ scalar: Unicode.Scalar) -> Bool {
        lookalikes.contains(scalar)
    }

    /// Of the alphabets that share letters with Latin: Cyrillic, Greek, Armenian, Cherokee (Unicode TR 39).
    private static let lookalikes: Set<Unicode.Scalar> = Set(
        ("аеорсухіјѕһԁԛԝѵӏАЕОРСУХІЈЅҺԚԜѴКМТВНЗЬӀ" + "αορυνικτγηχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "օսոհցքՕՍ"
            + "ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᎽᏃ")
            .unicodeScalars)
}
