package import GatewayCore

/// What a mask of a connection without columns is about, besides its JSON paths and detectors.
package struct ContentScope: Sendable, Hashable {
    /// The way that content goes.
    package enum Side: String, Sendable, CaseIterable {
        case request
        case answer
    }

    /// Fields of forms, parameters of the query, and parts of a multipart body, by name.
    package var fields: [Glob]
    package var headers: [Glob]
    package var cookies: [Glob]
    /// Only requests to these paths, and their answers; empty for all.
    package var paths: [PathPattern]
    package var sides: Set<Side>

    package init(
        fields: [Glob] = [], headers: [Glob] = [], cookies: [Glob] = [], paths: [PathPattern] = [],
        sides: Set<Side> = [.answer]
    ) {
        self.fields = fields
        self.headers = headers
        self.cookies = cookies
        self.paths = paths
        self.sides = sides
    }
}

/// One mask of a connection's `mask:` list.
package struct MaskRule: Sendable, Hashable {
    /// What happens to a column that may or may not be one of the rule's, and to a body that cannot be looked into.
    package enum Unknown: String, Sendable, CaseIterable {
        case mask
        /// The result is refused.
        case deny
        /// It is shown: only columns that surely are the rule's are masked.
        case allow
    }

    /// What happens to a command that chooses, joins, orders or sums up by the rule's columns, from the mildest.
    package enum Oracle: String, Sendable, CaseIterable, Comparable {
        /// Its entry names the rule `oracle`.
        case log
        case hold
        case deny

        package static func < (one: Oracle, other: Oracle) -> Bool {
            allCases.firstIndex(of: one) ?? 0 < allCases.firstIndex(of: other) ?? 0
        }
    }

    /// The columns that are masked whole; with `detect`, the only columns that are searched.
    package var columns: [ColumnPattern]
    /// Parts of JSON values in these columns; empty for the whole columns. Without columns: parts of JSON bodies.
    package var json: [JSONPath]
    /// What is searched for in text columns.
    package var detect: [Detector]
    package var method: MaskMethod
    package var unknown: Unknown
    /// Nil: nothing.
    package var oracle: Oracle?
    /// On what terms it can be lifted for a time; nil for never.
    package var unmask: UnmaskTerms?
    package var content: ContentScope

    package init(
        columns: [ColumnPattern] = [], json: [JSONPath] = [], detect: [Detector] = [], method: MaskMethod = .redact,
        unknown: Unknown = .mask, oracle: Oracle? = nil, unmask: UnmaskTerms? = nil,
        content: ContentScope = ContentScope()
    ) {
        self.columns = columns
        self.json = json
        self.detect = detect
        self.method = method
        self.unknown = unknown
        self.oracle = oracle
        self.unmask = unmask
        self.content = content
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

    /// Whether what may be one of its columns is masked, or refused.
    var masksUnknown: Bool { masksWhole && unknown != .allow }
}
