/// A name with `*` for any run of characters; ASCII case does not count unless it is asked to. Matching is linear in name times stars.
package struct Glob: Sendable, Hashable {
    private let pattern: [UInt8]
    private let anyCase: Bool

    package init(_ text: String, anyCase: Bool = true) {
        self.anyCase = anyCase
        pattern = anyCase ? text.utf8.map(Self.folded) : Array(text.utf8)
    }

    package var matchesAll: Bool { pattern.allSatisfy { $0 == star } }

    package func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { matches($0) }
    }

    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        var index = 0
        var at = 0
        var retry: (pattern: Int, name: Int)?
        while at < name.count {
            if index < pattern.count, pattern[index] == star {
                retry = (index + 1, at)
                index += 1
            } else if index < pattern.count, pattern[index] == (anyCase ? Self.folded(name[at]) : name[at]) {
                index += 1
                at += 1
            } else if let (pattern, name) = retry {
                retry = (pattern, name + 1)
                index = pattern
                at = name + 1
            } else {
                return false
            }
        }
        return pattern[index...].allSatisfy { $0 == star }
    }

    private static func folded(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
    private var star: UInt8 { UInt8(ascii: "*") }
}
