import DataMasking
import GatewayCore
import Yams

/// Reads `mask:` and `binary:` of a connection whose content has no columns.
enum ContentMaskReader {
    /// What a rule can be about, one of which it must name.
    private static let subjects = ["json", "fields", "headers", "cookies", "detect"]

    /// - Parameter detectors: the file's own, by name.
    static func masks(_ value: Value?, _ detectors: [String: Detector]) -> [MaskRule] {
        guard let value else { return [] }
        let rules = value.list().compactMap { element -> MaskRule? in
            guard let section = element.section(Set(subjects + ["with", "unknown", "path", "in"])) else { return nil }
            return rule(section, detectors)
        }
        PolicyReader.check(rules, value)
        return rules
    }

    private static func rule(_ section: Section, _ detectors: [String: Detector]) -> MaskRule? {
        guard subjects.contains(where: { section[$0] != nil }) else {
            section.value.problem(
                "the mask names nothing to hide, so it could never apply",
                fix: "add \(subjects.dropLast().joined(separator: ", ")) or detect")
            return nil
        }
        let json = PolicyReader.jsonPaths(section)
        let detect = PolicyReader.detected(section, detectors)
        let scope = ContentScope(
            fields: globs(section["fields"]), headers: globs(section["headers"]), cookies: globs(section["cookies"]),
            paths: paths(section["path"]), sides: sides(section["in"]))
        let method = section.read("with", or: .redact) { $0.choice(MaskMethod.self) }
        let unknown = section.read("unknown", or: .mask) { $0.choice(MaskRule.Unknown.self) }
        if let value = section["unknown"], json.isEmpty, detect.isEmpty, scope.fields.isEmpty {
            value.problem("the mask does not look into bodies, so none is unknown to it", fix: "remove unknown")
        }
        guard let method, let unknown else { return nil }
        return MaskRule(json: json, detect: detect, method: method, unknown: unknown, content: scope)
    }

    private static func globs(_ value: Value?) -> [Glob] { (value?.texts() ?? []).map { Glob($0) } }

    private static func paths(_ value: Value?) -> [PathPattern] {
        (value?.list() ?? []).compactMap { element in
            guard let text = element.text() else { return nil }
            if let pattern = PathPattern(text) { return pattern }
            element.problem(
                "`\(text)` is no path, so the mask could never apply", fix: "write /users/* or /admin/**")
            return nil
        }
    }

    private static func sides(_ value: Value?) -> Set<ContentScope.Side> {
        guard let value else { return [.answer] }
        return Set(value.list().compactMap { $0.choice(ContentScope.Side.self) })
    }

    /// The words after `then` of a type.
    private enum Treatment: String, CaseIterable {
        case pass
        case mask
        case deny

        var unknown: MaskRule.Unknown {
            switch self {
            case .pass: .allow
            case .mask: .mask
            case .deny: .deny
            }
        }
    }

    /// `[{type: [image/*], then: pass}]`.
    static func binary(_ value: Value?, hasMasks: Bool) -> [BinaryRule] {
        guard let value else { return [] }
        guard hasMasks else {
            value.problem("there are no masks, so every body passes", fix: "add mask, or remove binary")
            return []
        }
        return value.list().compactMap { element in
            guard let section = element.section(["type", "then"]) else { return nil }
            let types = section.required("type", "write type: [image/*]").map(globs) ?? []
            let then = section.required("then", "write then: pass, mask or deny")?.choice(Treatment.self)
            guard let then, !types.isEmpty else { return nil }
            return BinaryRule(types: types, then: then.unknown)
        }
    }
}
