import GatewayCore

/// One mask of a connection's `mask:` list.
package struct MaskRule: Sendable, Hashable {
    /// What happens to a column that may or may not be one of the rule's.
    package enum Unknown: String, Sendable, CaseIterable {
        case mask
        /// The result is refused.
        case deny
    }

    /// The columns that are masked whole; with `detect`, the only columns that are searched.
    package var columns: [ColumnPattern]
    /// What is searched for in text columns.
    package var detect: [Detector]
    package var method: MaskMethod
    package var unknown: Unknown

    package init(
        columns: [ColumnPattern] = [], detect: [Detector] = [], method: MaskMethod = .redact, unknown: Unknown = .mask
    ) {
        self.columns = columns
        self.detect = detect
        self.method = method
        self.unknown = unknown
    }

    /// Why the detectors of these rules cannot be compiled together; nil when they can.
    package static func problem(in rules: [MaskRule]) -> String? {
        do throws(GatewayError) {
            _ = try DetectorEngine(rules.flatMap(\.detect))
            return nil
        } catch {
            return error.message
        }
    }

    /// Whether the rule masks columns as a whole rather than searching them.
    var masksWhole: Bool { detect.isEmpty && !columns.isEmpty }
}
