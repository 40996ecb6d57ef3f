import DataMasking
import GatewayCore
import Yams

/// Reads `detectors:`, the file's own detectors, which masks name like the gateway's.
struct DetectorReader {
    private static let most = 100

    /// The detectors by name.
    func detectors(_ value: Value?) -> [String: Detector] {
        var found: [String: Detector] = [:]
        var lines: [String: Int] = [:]
        let elements = value?.list() ?? []
        if elements.count > Self.most {
            value?.problem("there are more than \(Self.most) detectors", fix: "join what belongs together by `|`")
            return [:]
        }
        for element in elements {
            guard let section = element.section(["name", "pattern", "validator"]) else { continue }
            let name = section.required("name", "name the detector, as masks list it under detect").flatMap(readName)
            let pattern = section.required("pattern", "write the regular expression that finds the values")
                .flatMap { $0.text() }
            let validator = section["validator"].map { $0.choice(CustomPattern.Validator.self) }
            // A validator that is none has been told.
            guard let name, let pattern, validator != .some(nil) else { continue }
            if let line = lines[name] {
                element.problem(
                    "there are two detectors named `\(name)`, the first in line \(line)", fix: "give each its own name")
                continue
            }
            lines[name] = element.mark?.line ?? 0
            do throws(GatewayError) {
                found[name] = Detector(try CustomPattern(name: name, pattern: pattern, validator: validator ?? nil))
            } catch {
                section["pattern"]?.problem(
                    "the pattern cannot be used: \(error.message)",
                    fix: "write one with a longest match of up to \(CustomPattern.widest) bytes, such as EMP-[0-9]{6}")
            }
        }
        return found
    }

    private func readName(_ value: Value) -> String? {
        guard let name = value.text() else { return nil }
        let isPlain = name.utf8.allSatisfy { $0 &- 0x30 < 10 || $0 &- 0x61 < 26 || $0 == 0x5F }
        guard isPlain, name.utf8.count <= 60 else {
            value.problem(
                "`\(name.prefix(60))` is no detector's name",
                fix: "use up to 60 small letters, digits and underscores, such as employee_id")
            return nil
        }
        guard Detector.named(name).isEmpty else {
            value.problem("`\(name)` is one of the gateway's own detectors", fix: "choose another name")
            return nil
        }
        return name
    }
}
