import DataMasking
import GatewayCore

/// Hides values in what a server says of an error: `Key (email)=(x) already exists.`
enum ErrorMasking {
    /// - Parameters:
    ///   - statements: the client's own texts: what stands in them tells it nothing new.
    ///   - keepsNames: the statements name no masked column, so that a quoted name is none of its values.
    ///   - touchesMasked: they may reach one all the same, through a view for one.
    /// - Returns: whether anything was changed.
    static func apply(
        _ masks: MaskSet, to fields: inout ErrorFields, statements: [[UInt8]], keepsNames: Bool,
        touchesMasked: Bool = false
    ) -> Bool {
        if masks.hasColumnRules, RaisedText.isRaised(fields) {
            // Whoever wrote the function put the text together, from any values.
            RaisedText.hide(&fields, statements, keepsCode: keepsNames)
            return true
        }
        let names = touchesMasked ? ErrorFields.Field.names.compactMap { fields[$0] } : nil
        let table = fields.text(ErrorFields.Field.table) ?? ""
        let relation = RelationName(schema: fields.text(ErrorFields.Field.schema) ?? "", name: table)
        let isDataError = fields.code?.hasPrefix("22") ?? false
        var isChanged = false
        for index in fields.entries.indices {
            var value = fields.entries[index].value
            switch fields.entries[index].field {
            case ErrorFields.Field.detail where masks.hasColumnRules:
                if let hidden = detail(value, masks, relation, isSure: keepsNames && !touchesMasked) { value = hidden }
            case ErrorFields.Field.message where isDataError && masks.hasColumnRules,
                ErrorFields.Field.where where masks.hasColumnRules:
                if let hidden = quoted(value) { value = hidden }
            case ErrorFields.Field.message, ErrorFields.Field.detail, ErrorFields.Field.where, ErrorFields.Field.hint,
                ErrorFields.Field.internalQuery, ErrorFields.Field.schema, ErrorFields.Field.table,
                ErrorFields.Field.column, ErrorFields.Field.constraint, ErrorFields.Field.dataType:
                break
            default:
                continue
            }
            if masks.hasColumnRules, !ErrorFields.Field.names.contains(fields.entries[index].field) {
                value = QuotedParts.hidden(
                    in: value, of: fields.entries[index].field, isDataError: isDataError,
                    keepsNames: keepsNames, names: names, statements: statements)
                if touchesMasked {
                    value = QuotedParts.withoutNumbers(value, isDataError: isDataError, statements: statements)
                }
            }
            var scanned: [UInt8] = []
            switch value.withUnsafeBytes({ masks.mask(text: $0, into: &scanned) }) {
            case .unchanged: break
            case .replaced: value = scanned
            case .null: value = MaskedText.stars
            }
            if value != fields.entries[index].value {
                fields.entries[index].value = value
                isChanged = true
            }
        }
        return isChanged
    }

    /// Values behind `)=(` or `) = (` and in `Failing row contains (…)`.
    ///
    /// - Parameter isSure: no masked value can be in it but one of a masked column of the relation.
    private static func detail(
        _ value: [UInt8], _ masks: MaskSet, _ relation: RelationName, isSure: Bool
    ) -> [UInt8]? {
        let text = String(decoding: value, as: UTF8.self)
        if let open = text.range(of: ")=(") ?? text.range(of: ") = (") {
            let columns = text[..<open.lowerBound].split(separator: "(").last.map { $0.split(separator: ",") } ?? []
            let isMasked =
                !isSure || columns.isEmpty
                || columns.contains { column in
                    // An index expression, `lower(email)`, is not a name: any name in it may be the masked one.
                    let name = column.filter { $0 != " " && $0 != "\"" && $0 != ")" }
                    return masks.mayMask(columnNamed: name) != nil
                        || name.contains { !($0.isLetter || $0.isNumber || $0 == "_") }
                } || text[..<open.lowerBound].filter { $0 == "(" }.count > 1
            guard isMasked else { return nil }
            return Array((text[..<open.upperBound] + "***)" + tail(text[open.upperBound...])).utf8)
        }
        if let open = text.range(of: "row contains ("),
            !isSure || relation.name.isEmpty || masks.mayMask(anyColumnOf: relation)
        {
            return Array((text[..<open.upperBound] + "***).").utf8)
        }
        return quoted(value)
    }

    /// The fixed words behind the value, ` already exists.` and the like, when they can be told from it.
    private static func tail(_ rest: Substring) -> String {
        for words in [
            " already exists.", " is not present in table", " is still referenced from table", " conflicts with",
        ] {
            if let found = rest.range(of: ")" + words) {
                return words == " already exists." && found.upperBound == rest.endIndex
                    ? words : words.hasSuffix(".") ? "" : words + " …"
            }
        }
        return ""
    }

    /// `…: "value"`: what stands between the first such quote and the last one.
    private static func quoted(_ value: [UInt8]) -> [UInt8]? {
        guard let last = value.lastIndex(of: 0x22),
            let open = value.indices.dropFirst(2).first(where: {
                value[$0] == 0x22 && value[$0 - 1] == 0x20 && value[$0 - 2] == 0x3A
            }), open < last
        else { return nil }
        return value[...open] + MaskedText.stars + value[last...]
    }
}

enum MaskedText {
    static let stars = Array("***".utf8)
}

extension StringProtocol {
    /// The first place of `other`; by bytes, without Foundation.
    fileprivate func range(of other: String) -> Range<Index>? {
        let wanted = Array(other.utf8)
        var index = utf8.startIndex
        while index < utf8.endIndex {
            var walk = index
            var matched = 0
            while matched < wanted.count, walk < utf8.endIndex, utf8[walk] == wanted[matched] {
                utf8.formIndex(after: &walk)
                matched += 1
            }
            if matched == wanted.count { return index..<walk }
            utf8.formIndex(after: &index)
        }
        return nil
    }
}
