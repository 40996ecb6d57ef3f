/// Errors and notices that a procedural language raised in its own words: `RAISE NOTICE 'ssn %', ssn`.
enum RaisedText {
    /// By where in the server's source it was reported, which only C code can choose. A server, or a pooler before it, that
    /// does not tell is taken to have raised it, unless the code is one of the server's own.
    static func isRaised(_ fields: ErrorFields) -> Bool {
        guard let file = fields.text(ErrorFields.Field.file), let routine = fields.text(ErrorFields.Field.routine)
        else {
            return fields.code.map { $0.hasPrefix("P0") || $0 == "00000" || $0 == "01000" } ?? true
        }
        return ["exec_stmt_raise", "exec_stmt_assert"].contains(routine)
            || ["plperl.c", "pltcl.c", "plpy_elog.c", "plpy_plpymodule.c"].contains { file.hasSuffix($0) }
    }

    /// - Parameter keepsCode: the client names no masked column: a code is what the function's author chose.
    static func hide(_ fields: inout ErrorFields, _ statements: [[UInt8]], keepsCode: Bool) {
        for index in fields.entries.indices {
            let value = fields.entries[index].value
            switch fields.entries[index].field {
            case ErrorFields.Field.severity, ErrorFields.Field.severityUnlocalised, ErrorFields.Field.file,
                ErrorFields.Field.line, ErrorFields.Field.routine, ErrorFields.Field.position,
                ErrorFields.Field.internalPosition:
                break
            case ErrorFields.Field.code:
                if !keepsCode, !["00000", "01000", "P0001", "P0004"].contains(where: { $0.utf8.elementsEqual(value) }),
                    !QuotedParts.isOwn(value[...], statements)
                {
                    fields.entries[index].value = Array("P0001".utf8)
                }
            case ErrorFields.Field.where:
                fields.entries[index].value = QuotedParts.hidden(
                    in: value, of: ErrorFields.Field.where, isDataError: false, keepsNames: false,
                    statements: statements)
            default:
                if !value.isEmpty, !QuotedParts.isOwn(value[...], statements) {
                    fields.entries[index].value = MaskedText.stars
                }
            }
        }
    }
}
