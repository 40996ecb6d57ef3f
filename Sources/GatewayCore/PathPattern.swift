/// A path with wildcards: `*` stands for any part of a segment, `**` for any number of segments, none included.
package struct PathPattern: Sendable, Hashable {
    private enum Part: Hashable {
        case segment(String)
        case any
    }

    package let text: String
    private let parts: [Part]

    /// Nil for what is no path in its normal form.
    package init?(_ text: String) {
        guard text.hasPrefix("/"), !text.contains("?"), !text.contains("#"), !text.contains("%") else { return nil }
        var segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if segments == [""] { segments = [] }
        // A slash at the end is no other path than none.
        if segments.last == "" { segments.removeLast() }
        guard !segments.contains(where: { ["", ".", ".."].contains($0) || $0 != "**" && $0.contains("**") }) else {
            return nil
        }
        self.text = text
        parts = segments.map { $0 == "**" ? .any : .segment($0) }
    }

    /// - Parameter anyCase: letters count whatever their case: some servers make no difference.
    package func matches(_ path: [[UInt8]], anyCase: Bool) -> Bool {
        var segments = path[...]
        if segments.last?.isEmpty == true { segments = segments.dropLast() }
        // Where to go on with one more segment under the last `**`.
        var retry: (part: Int, segment: Int)?
        var (part, segment) = (0, segments.startIndex)
        while segment < segments.endIndex || part < parts.count {
            if part < parts.count {
                switch parts[part] {
                case .any:
                    retry = (part, segment)
                    part += 1
                    continue
                case .segment(let pattern)
                where segment < segments.endIndex
                    && Self.matches(segments[segment], Array(pattern.utf8), anyCase: anyCase):
                    part += 1
                    segment += 1
                    continue
                case .segment: break
                }
            }
            guard let last = retry, last.segment < segments.endIndex else { return false }
            retry = (last.part, last.segment + 1)
            (part, segment) = (last.part + 1, last.segment + 1)
        }
        return true
    }

    /// One segment or value; `*` is any run of bytes.
    package static func matches(_ text: [UInt8], _ pattern: [UInt8], anyCase: Bool) -> Bool {
        func same(_ one: UInt8, _ other: UInt8) -> Bool {
            one == other || anyCase && one | 0x20 == other | 0x20 && (one | 0x20) &- 0x61 < 26
        }
        var retry: (pattern: Int, text: Int)?
        var (place, index) = (0, 0)
        while index < text.count || place < pattern.count {
            if place < pattern.count, pattern[place] == 0x2A {
                retry = (place, index)
                place += 1
                continue
            }
            if place < pattern.count, index < text.count, same(text[index], pattern[place]) {
                place += 1
                index += 1
                continue
            }
            guard let last = retry, last.text < text.count else { return false }
            retry = (last.pattern, last.text + 1)
            (place, index) = (last.pattern + 1, last.text + 1)
        }
        return true
    }

    package static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"(),/:;<=>?@[\\]{}".utf8.contains($0) }
    }
}
