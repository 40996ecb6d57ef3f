/// A name with `*` for any run of characters. ASCII case does not count.
struct NamePattern: Sendable, Hashable {
    let text: String
    private let pattern: [UInt8]

    init(_ text: String) {
        self.text = text
        pattern = text.utf8.map(Self.folded)
    }

    func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8(matches)
    }

    /// Linear but for the length of what stands between two stars.
    private func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var index = 0
        var at = 0
        var retry: (pattern: Int, text: Int)?
        while at < text.count {
            if index < pattern.count, pattern[index] == UInt8(ascii: "*") {
                retry = (index + 1, at)
                index += 1
            } else if index < pattern.count, pattern[index] == Self.folded(text[at]) {
                index += 1
                at += 1
            } else if let (after, start) = retry {
                retry = (after, start + 1)
                index = after
                at = start + 1
            } else {
                return false
            }
        }
        return pattern[index...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    private static func folded(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}
