/// Digits in groups that single separators part, from the start of one group on.
struct NumberRun {
    /// Separators between digits.
    struct Separators: OptionSet {
        let rawValue: UInt8
        static let space = Separators(rawValue: 1)
        static let dash = Separators(rawValue: 2)
        static let dot = Separators(rawValue: 4)
        static let slash = Separators(rawValue: 8)

        @inline(__always)
        init(rawValue: UInt8) { self.rawValue = rawValue }

        @inline(__always)
        init(of byte: UInt8) {
            switch byte {
            case 0x20: self = .space
            case 0x2D: self = .dash
            case 0x2E: self = .dot
            case 0x2F: self = .slash
            default: self = []
            }
        }
    }

    static let most = 20

    var start: Int
    var count = 0
    var groups = 0
    /// Lengths of the groups, four bits each, the last one lowest: `0x324` is a social security number's.
    var shape = 0
    /// Separators in their order, two bits each, the last one lowest.
    var separatorShape = 0
    var separators: Separators = []

    var isPlain: Bool { groups == 1 }
}
