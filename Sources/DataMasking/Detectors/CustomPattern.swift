import CHyperscan
package import GatewayCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension GatewayError.Code {
    package static let detector = Self("policy.detector")
}

/// A detector of the policy file: a regular expression (Hyperscan's syntax) and a check of what it matches.
package struct CustomPattern: Sendable, Hashable {
    package enum Validator: String, Sendable, CaseIterable {
        /// The digits of the match end in their Luhn digit.
        case luhn
        /// The digits and letters of the match are 1 modulo 97 when the first four stand at the end (ISO 7064).
        case mod97 = "mod97"
        /// The match has at least three bits of entropy a character.
        case entropy
    }

    /// The longest match that a pattern may have: a value that comes in pieces is held back for as long.
    package static let widest = 1024

    package let name: String
    package let pattern: String
    package let validator: Validator?
    /// The longest match in bytes.
    let width: Int

    /// - Throws: what is wrong with the pattern, as a sentence without a name.
    package init(name: String, pattern: String, validator: Validator? = nil) throws(GatewayError) {
        guard !pattern.isEmpty, pattern.utf8.count <= 4096, pattern.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else {
            throw GatewayError(
                .detector, "a detector's pattern has 1 to 4096 printable ASCII characters; write others as \\xHH")
        }
        var found: UnsafeMutablePointer<hs_expr_info_t>?
        var problem: UnsafeMutablePointer<hs_compile_error_t>?
        let flags = UInt32(HS_FLAG_SOM_LEFTMOST)
        guard hs_expression_info(pattern, flags, &found, &problem) == HS_SUCCESS, let found else {
            let message = problem?.pointee.message.map { String(cString: $0) } ?? "the pattern engine refused it"
            hs_free_compile_error(problem)
            throw GatewayError(.detector, message)
        }
        let info = found.pointee
        // The library takes the memory from malloc unless told otherwise.
        free(found)
        guard info.min_width > 0 else {
            throw GatewayError(.detector, "the pattern matches the empty text, so it would match everywhere")
        }
        guard info.max_width != UInt32.max else {
            throw GatewayError(
                .detector,
                "the pattern has no longest match (`*`, `+` or `{n,}`), so it cannot be masked in content that comes "
                    + "in pieces: the gateway would have to hold back everything")
        }
        guard info.max_width <= UInt32(Self.widest) else {
            throw GatewayError(
                .detector, "the pattern's longest match has \(info.max_width) bytes; the limit is \(Self.widest)")
        }
        self.name = name
        self.pattern = pattern
        self.validator = validator
        width = Int(info.max_width)
        // What the expression's shape does not tell, compiling does.
        _ = try PatternDatabase(literals: [], customs: [self])
    }

    /// Whether the matched bytes pass the pattern's check.
    func accepts(_ match: UnsafeBufferPointer<UInt8>) -> Bool {
        switch validator {
        case nil: true
        case .luhn: CheckDigits.luhn(digitsOf: match)
        case .mod97: CheckDigits.mod97(match)
        case .entropy: Entropy.isHigh(match)
        }
    }
}
