import GatewayCore

/// A set of statement classes as bits, so that a rule that cannot be met is passed over in one step.
struct ClassMask: Sendable {
    private var bits: UInt64 = 0

    static let all = ClassMask(bits: .max)

    private init(bits: UInt64) { self.bits = bits }

    init(_ classes: some Sequence<StatementClass>) {
        for name in classes { bits |= Self.bit(name) }
    }

    /// A rule for all classes is also for what has none.
    func overlaps(_ other: ClassMask) -> Bool { bits == .max || bits & other.bits != 0 }

    func union(_ other: ClassMask) -> ClassMask { ClassMask(bits: bits | other.bits) }

    /// By its place among all; 0 (met by none) only for a class that is not among them.
    private static func bit(_ name: StatementClass) -> UInt64 { bits[name] ?? 0 }

    private static let bits: [StatementClass: UInt64] = Dictionary(
        uniqueKeysWithValues: StatementClass.allCases.enumerated().map { ($1, 1 << UInt64($0)) })
}
