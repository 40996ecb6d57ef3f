/// A path without what tells one thing from another of its kind: the object that an entry names.
enum PathTemplate {
    static func of(_ path: RequestPath) -> String {
        let segments = path.segments.prefix(16).map { isName($0) ? String(decoding: $0, as: UTF8.self) : "{id}" }
        return "/" + segments.joined(separator: "/") + (path.segments.count > 16 ? "/…" : "")
    }

    /// A word of the interface: short, of letters, with digits at its end at most (`v1`, `oauth2`).
    private static func isName(_ segment: [UInt8]) -> Bool {
        if segment.isEmpty { return true }
        guard segment.count <= 40 else { return false }
        var digits = 0
        for byte in segment {
            if Octets.isDigit(byte) {
                digits += 1
            } else {
                guard digits == 0, (byte | 0x20) &- 0x61 < 26 || byte == 0x2D || byte == 0x5F || byte == 0x2E else {
                    return false
                }
            }
        }
        return digits <= 2 && digits < segment.count
    }
}
