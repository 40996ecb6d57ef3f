import CHyperscan

/// Texts that certainly hold a match, at many places and behind decoys, against the engine's own search for it.
enum KnownAnswers {
    private static let patterns = ["E[0-9]{2,5}(x|yz)?", "E[0-9]{2}", "E[0-9]{2,5}\\b", "[A-F][0-9]{2}", "E21"]
    private static let match = Array("E21".utf8)
    private static let decoy = Array("E5".utf8)
    /// Where the decoy stands: at the beginnings of the vectors that processors read, the last of which may be cut short.
    private static let decoyPlaces = [0, 16, 32, 48, 64, 128]

    static func areGiven() -> Bool { patterns.allSatisfy(isFound) }

    private static func isFound(_ pattern: String) -> Bool {
        var database: OpaquePointer?
        var problem: UnsafeMutablePointer<hs_compile_error_t>?
        guard hs_compile(pattern, 0, UInt32(HS_MODE_BLOCK), nil, &database, &problem) == HS_SUCCESS, let database else {
            hs_free_compile_error(problem)
            return false
        }
        defer { hs_free_database(database) }
        var scratch: OpaquePointer?
        guard hs_alloc_scratch(database, &scratch) == HS_SUCCESS, let scratch else { return false }
        defer { hs_free_scratch(scratch) }
        for start in decoyPlaces {
            for length in stride(from: start + 7, to: start + 72, by: 1) {
                for place in stride(from: start + decoy.count, through: length - match.count - 1, by: 3) {
                    var text = [UInt8](repeating: 0xFF, count: length)
                    text.replaceSubrange(start..<(start + decoy.count), with: decoy)
                    text.replaceSubrange(place..<(place + match.count), with: match)
                    text[place + match.count] = 0
                    guard occurs(in: text, database, scratch) else { return false }
                }
            }
        }
        return true
    }

    private static func occurs(in text: [UInt8], _ database: OpaquePointer, _ scratch: OpaquePointer) -> Bool {
        var found = false
        let result = withUnsafeMutablePointer(to: &found) { flag in
            text.withUnsafeBytes { bytes in
                hs_scan(
                    database, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(bytes.count), 0, scratch,
                    { _, _, _, _, context in
                        context?.assumingMemoryBound(to: Bool.self).pointee = true
                        return 1
                    }, flag)
            }
        }
        return found && (result == HS_SUCCESS || result == HS_SCAN_TERMINATED)
    }
}
