/// What a type's bytes look like.
enum TypeShape {
    /// Types whose value is any text, the same in both formats.
    static func isPlainText(_ type: UInt32) -> Bool {
        switch type {
        case TypeOID.text, TypeOID.varchar, TypeOID.bpchar, TypeOID.name, TypeOID.unknown: true
        default: false
        }
    }

    static func isJSON(_ type: UInt32) -> Bool { type == TypeOID.json || type == TypeOID.jsonb }

    /// Types that detectors may read: text, what holds text, and numbers long enough to be a card's.
    static func isReadable(_ type: UInt32) -> Bool {
        switch type {
        case TypeOID.bool, TypeOID.int2, TypeOID.oid, TypeOID.float4, TypeOID.float8, TypeOID.uuid: false
        // Dates, times and intervals.
        case 1082, 1083, 1114, 1184, 1186, 1266: false
        default: true
        }
    }

    /// Numbers too short for any detector that does not go by a name too.
    static func needsName(_ type: UInt32) -> Bool { type == TypeOID.int4 }

    /// Types whose text form may have pieces replaced inside: arrays of text, composites, and those of users and
    /// extensions (enumerations, hstore). Ranges and numbers would not be any more what their name says.
    static func mayHoldPieces(_ type: UInt32) -> Bool {
        switch type {
        case TypeOID.textArray, TypeOID.varcharArray, TypeOID.bpcharArray, TypeOID.nameArray, TypeOID.record,
            TypeOID.recordArray:
            true
        default: type >= TypeOID.firstOfUsers
        }
    }

    /// Whether a replacement changed no byte that gives structured text (arrays, composites, hstore) its shape.
    static func keepsShape(_ old: UnsafeRawBufferPointer, _ new: [UInt8]) -> Bool {
        func marks(_ bytes: some Sequence<UInt8>) -> [UInt8] {
            bytes.filter { [0x22, 0x27, 0x28, 0x29, 0x2C, 0x5B, 0x5C, 0x5D, 0x7B, 0x7D].contains($0) }
        }
        guard let first = old.first, first == 0x22 || first == 0x7B || first == 0x28 else { return false }
        return marks(old) == marks(new)
    }
}
