import CHyperscan
package import GatewayCore

/// The library that finds guards' and detectors' patterns (Hyperscan 5.4; the same interface as Vectorscan's).
package enum PatternEngine {
    /// - Throws: a sentence with `code` when patterns cannot be trusted to this processor or this build of the library:
    ///   a guard or a mask that silently misses is worse than none.
    package static func require(_ code: GatewayError.Code) throws(GatewayError) {
        guard hs_valid_platform() == HS_SUCCESS else {
            throw GatewayError(code, "this processor cannot run the pattern engine, so patterns cannot be used here")
        }
        guard isExact else {
            throw GatewayError(
                code,
                "the pattern engine on this machine (\(version)) misses matches, so patterns cannot be used here; "
                    + "install libhyperscan5 in the place of libvectorscan5")
        }
    }

    /// As the library names itself.
    package static var version: String { hs_version().map { String(cString: $0) } ?? "unknown" }

    /// Vectorscan 5.4.9, which Debian 12 offers beside Hyperscan 5.4.0, overlooks some `E[0-9]{2}` behind a decoy,
    /// depending on both places. Asked once.
    private static let isExact = KnownAnswers.areGiven()
}
