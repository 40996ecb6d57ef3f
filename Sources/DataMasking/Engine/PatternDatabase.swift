import CHyperscan
import GatewayCore
import PatternEngine

/// Literals and patterns in one compiled database, scanned in block mode.
///
/// Unchecked Sendable: the database is immutable; each scan brings a scratch space of its own.
final class PatternDatabase: @unchecked Sendable {
    let pointer: OpaquePointer

    /// - Parameters:
    ///   - literals: the ids of matches are their places; a literal's match tells its end only.
    ///   - customs: their ids follow; their matches tell start and end.
    init(literals: [Literal], customs: [CustomPattern]) throws(GatewayError) {
        try PatternEngine.require(.detector)
        var sources: [String] = []
        var flags: [UInt32] = []
        for literal in literals {
            sources.append(literal.expression)
            flags.append(literal.isCaseless ? UInt32(HS_FLAG_CASELESS) : 0)
        }
        for custom in customs {
            sources.append(custom.pattern)
            flags.append(UInt32(HS_FLAG_SOM_LEFTMOST))
        }
        let ids = sources.indices.map(UInt32.init)
        let strings = sources.map { Array($0.utf8CString) }
        var compiled: OpaquePointer?
        var problem: UnsafeMutablePointer<hs_compile_error_t>?
        let result = Self.withPointers(strings) { pointers in
            hs_compile_multi(
                pointers.baseAddress, flags, ids, UInt32(pointers.count), UInt32(HS_MODE_BLOCK), nil, &compiled,
                &problem)
        }
        guard result == HS_SUCCESS, let compiled else {
            let message = problem?.pointee.message.map { String(cString: $0) } ?? "the pattern engine refused it"
            hs_free_compile_error(problem)
            throw GatewayError(.detector, message)
        }
        pointer = compiled
    }

    deinit { hs_free_database(pointer) }

    /// - Returns: a scratch space for one scan at a time; nil without memory. The caller frees it.
    func makeScratch() -> OpaquePointer? {
        var scratch: OpaquePointer?
        return hs_alloc_scratch(pointer, &scratch) == HS_SUCCESS ? scratch : nil
    }

    private static func withPointers<Result>(
        _ strings: [[CChar]], _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        // One block of memory for all, so that no pointer outlives its array.
        var offsets: [Int] = []
        var all: [CChar] = []
        for string in strings {
            offsets.append(all.count)
            all += string
        }
        return all.withUnsafeBufferPointer { bytes in
            let pointers = offsets.map { offset in bytes.baseAddress.map { $0 + offset } }
            return pointers.withUnsafeBufferPointer(body)
        }
    }
}

/// A text that is looked for as it stands.
struct Literal: Sendable, Hashable {
    let text: String
    var isCaseless = false

    /// The literal in the engine's syntax.
    var expression: String {
        let digits = Array("0123456789abcdef")
        return text.utf8.map { "\\x\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined()
    }
}
