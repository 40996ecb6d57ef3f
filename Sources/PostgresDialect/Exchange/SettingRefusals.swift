import DataMasking
import GatewayCore
package import SQLAnalysis
package import SessionKernel

/// Changes of settings that a session may not make.
extension PostgresDialect {
    private func storesUnknown(_ facts: StatementFacts) -> Bool {
        facts.functions.contains("set_config")
            && facts.settings.contains { $0.value == nil && ($0.kind == .set || $0.kind == .local) }
            || facts.inner.contains(where: storesUnknown)
    }

    /// A value of a masked column goes where anybody can read it back: a large object, a sequence, a lock.
    private func storesMasked(_ facts: StatementFacts, _ masks: MaskSet) -> Bool {
        facts.functions.contains(where: Self.stores) && readsMasked(facts, masks)
            || facts.inner.contains { storesMasked($0, masks) }
    }

    private static func stores(_ function: String) -> Bool {
        let name = function.split(separator: ".").last.map(String.init) ?? function
        return ["lo_from_bytea", "lo_put", "lowrite", "setval", "pg_logical_emit_message"].contains(name)
            || name.hasPrefix("pg_advisory_") || name.hasPrefix("pg_try_advisory_")
    }

    func settingRefusal(_ note: CommandNote) -> Refusal? {
        let facts = note.meanings.flatMap(\.facts)
        if let masks, masks.hasColumnRules, facts.contains(where: { storesMasked($0, masks) }) {
            return Refusal(
                message: "What this command stores where no column tells of it may be a masked value.",
                hint: "Leave masked columns out of it.")
        }
        if let masks, masks.hasColumnRules, facts.contains(where: storesUnknown), touchesMasked(note.meanings, masks) {
            // SHOW would tell it later, when nothing shows where it came from.
            return Refusal(
                message: "The value that set_config stores here may be a masked one.",
                hint: "Give the value as a literal.")
        }
        return Self.settingRefusal(note.meanings.flatMap(\.facts))
    }

    /// The first change among `statements` that no session may make, whatever the policy says.
    package static func settingRefusal(_ statements: [StatementFacts]) -> Refusal? {
        for change in statements.flatMap({ $0.settings + $0.inner.flatMap(\.settings) }) {
            switch change.kind {
            case .set, .local:
                guard let name = change.name else {
                    return Refusal(
                        message: "The setting that set_config changes cannot be told from the text.",
                        hint: "Name the setting and its value as literals.")
                }
                if change.value?.lowercased() == "none", name == "role" { continue }
                if let refusal = SettingsGuard.refusal(setting: name, to: change.value) { return refusal }
            case .reset, .resetAll, .stored:
                // A reset goes back to what was judged at sign-in.
                continue
            }
        }
        return nil
    }
}
