import CHyperscan
package import GatewayCore
import PatternEngine
import Synchronization

extension GatewayError.Code {
    package static let pattern = Self("policy.pattern")
}

/// A regular expression on a command's text, matched in linear time anywhere in it (Hyperscan's syntax, block mode, `.`
/// meets newlines).
///
/// Unchecked Sendable: the compiled database is immutable and may be scanned by any thread; each scan has a scratch
/// space to itself, taken
/// from a pool behind a lock.
package final class TextPattern: @unchecked Sendable {
    package let source: String
    private let database: OpaquePointer
    private let isUTF8: Bool
    private let pool: Mutex<Scratches>

    /// - Throws: what the engine says when it cannot match the expression in linear time, or when it would match every
    /// text.
    package init(_ source: String) throws(GatewayError) {
        try PatternEngine.require(.pattern)
        guard !source.isEmpty, source.utf8.count <= 4096, !source.utf8.contains(0) else {
            throw GatewayError(.pattern, "a pattern has 1 to 4096 bytes, none of them zero")
        }
        // Only a pattern that speaks of characters beyond ASCII needs texts to be valid UTF-8.
        isUTF8 = !source.utf8.allSatisfy { $0 < 0x80 }
        let flags = UInt32(HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH) | (isUTF8 ? UInt32(HS_FLAG_UTF8) : 0)
        var compiled: OpaquePointer?
        var problem: UnsafeMutablePointer<hs_compile_error_t>?
        guard hs_compile(source, flags, UInt32(HS_MODE_BLOCK), nil, &compiled, &problem) == HS_SUCCESS, let compiled
        else {
            let message = problem?.pointee.message.map { String(cString: $0) } ?? "the pattern engine refused it"
            hs_free_compile_error(problem)
            throw GatewayError(.pattern, message)
        }
        var scratch: OpaquePointer?
        guard hs_alloc_scratch(compiled, &scratch) == HS_SUCCESS, let scratch else {
            hs_free_database(compiled)
            throw GatewayError(.pattern, "no memory for the pattern's scratch space")
        }
        self.source = source
        database = compiled
        pool = Mutex(Scratches(spare: [Scratch(pointer: scratch)]))
    }

    deinit {
        pool.withLock { pool in
            for scratch in pool.spare { hs_free_scratch(scratch.pointer) }
        }
        hs_free_database(database)
    }

    /// Whether the pattern occurs in `text`. What cannot be scanned (too long, not UTF-8 where it must be, engine
    /// failure) counts as a match:
    /// `matches` only ever narrows a rule, and a rule that cannot be asked applies.
    package func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        guard !text.isEmpty else { return scan("", 0) }
        guard let length = UInt32(exactly: text.count), let base = text.baseAddress else { return true }
        if isUTF8, String(validating: text, as: UTF8.self) == nil { return true }
        return scan(base.assumingMemoryBound(to: CChar.self), length)
    }

    private func scan(_ text: UnsafePointer<CChar>, _ length: UInt32) -> Bool {
        guard let scratch = borrow() else { return true }
        defer { give(back: scratch) }
        var found = false
        let result = withUnsafeMutablePointer(to: &found) { flag in
            hs_scan(
                database, text, length, 0, scratch.pointer,
                { _, _, _, _, context in
                    context?.assumingMemoryBound(to: Bool.self).pointee = true
                    return 1
                }, flag)
        }
        return found || result != HS_SUCCESS
    }

    private func borrow() -> Scratch? {
        if let spare = pool.withLock({ $0.spare.popLast() }) { return spare }
        var scratch: OpaquePointer?
        guard hs_alloc_scratch(database, &scratch) == HS_SUCCESS, let scratch else { return nil }
        return Scratch(pointer: scratch)
    }

    private func give(back scratch: Scratch) {
        let kept = pool.withLock { pool in
            guard pool.spare.count < 16 else { return false }
            pool.spare.append(scratch)
            return true
        }
        if !kept { hs_free_scratch(scratch.pointer) }
    }

    private struct Scratches {
        var spare: [Scratch]
    }

    /// Unchecked Sendable: it is either in the pool or with the one scan that took it out.
    private struct Scratch: @unchecked Sendable {
        let pointer: OpaquePointer
    }
}
