package import GatewayCore

/// What becomes of bodies of these media types, which masks cannot look into.
package struct BinaryRule: Sendable, Hashable {
    /// `image/*`, `application/pdf`.
    package var types: [Glob]
    package var then: MaskRule.Unknown

    package init(types: [Glob], then: MaskRule.Unknown) {
        self.types = types
        self.then = then
    }
}

/// The masks of content without columns: what is searched for in all of it, and what is hidden by its name.
package struct ContentMask: Sendable {
    package let key: MaskKey
    package let scanner: Scanner
    private let paths: [(JSONPath, MaskMethod)]
    private let fields: [(Glob, MaskMethod)]
    private let headers: [(Glob, MaskMethod)]
    private let cookies: [(Glob, MaskMethod)]
    private let unknown: MaskRule.Unknown
    private let binary: [BinaryRule]

    init(rules: [MaskRule], binary: [BinaryRule], scanner: Scanner, key: MaskKey) {
        self.key = key
        self.scanner = scanner
        self.binary = binary
        paths = rules.flatMap { rule in rule.json.map { ($0, rule.method) } }
        fields = rules.flatMap { rule in rule.content.fields.map { ($0, rule.method) } }
        headers = rules.flatMap { rule in rule.content.headers.map { ($0, rule.method) } }
        cookies = rules.flatMap { rule in rule.content.cookies.map { ($0, rule.method) } }
        let unknowns = rules.filter { !$0.json.isEmpty || !$0.content.fields.isEmpty || !$0.detect.isEmpty }.map(
            \.unknown)
        unknown = unknowns.contains(.deny) ? .deny : unknowns.contains(.mask) ? .mask : .allow
    }

    /// Whether any mask is about bodies.
    package var readsBodies: Bool { !paths.isEmpty || !fields.isEmpty || !scanner.isEmpty }

    /// Whether any mask is about parts of JSON.
    package var readsJSON: Bool { !paths.isEmpty }

    package func json() -> StreamJSONMask { StreamJSONMask(paths: paths, scanner: scanner, key: key) }

    package func text() -> StreamMask { StreamMask(scanner, key: key) }

    /// What becomes of a body of this type that cannot be looked into.
    package func unreadable(type: String) -> MaskRule.Unknown {
        binary.first { rule in rule.types.contains { $0.matches(type) } }?.then ?? unknown
    }

    /// How the value of a field of a form, or a parameter of the query, is masked whatever it is; nil for by detectors only.
    package func method(ofField name: String) -> MaskMethod? { Self.strictest(fields, name) }
    package func method(ofHeader name: String) -> MaskMethod? { Self.strictest(headers, name) }
    package func method(ofCookie name: String) -> MaskMethod? { Self.strictest(cookies, name) }

    /// Whether any mask is about cookies by name.
    package var namesCookies: Bool { !cookies.isEmpty }

    private static func strictest(_ rules: [(Glob, MaskMethod)], _ name: String) -> MaskMethod? {
        rules.lazy.filter { $0.0.matches(name) }.map(\.1).max { $0.strictness < $1.strictness }
    }

    /// The masked form of a value that is there whole; a part of it that would be null is redacted.
    ///
    /// - Parameters:
    ///   - name: says what the value is, for detectors that need to know.
    ///   - method: of a mask that names it; nil for none.
    /// - Returns: nil for a value that stays as it is.
    package func masked(_ value: [UInt8], name: String, by method: MaskMethod?) -> [UInt8]? {
        var output: [UInt8] = []
        if let method {
            _ = value.withUnsafeBytes { method.apply(to: $0, into: &output, key: key) }
            return output
        }
        guard !scanner.isEmpty else { return nil }
        // The name stands before the value, as detectors know it from configurations and logs.
        let context = Array(name.utf8) + [UInt8(ascii: "=")]
        let text = context + value
        var position = context.count
        for edit in scanner.scan(text) where edit.range.upperBound > context.count {
            let range = max(edit.range.lowerBound, context.count)..<edit.range.upperBound
            output += text[position..<range.lowerBound]
            let isWhole = range == edit.range && edit.method != .null
            _ = text[range].withUnsafeBytes { (isWhole ? edit.method : .redact).apply(to: $0, into: &output, key: key) }
            position = range.upperBound
        }
        return position == context.count ? nil : output + text[position...]
    }
}
