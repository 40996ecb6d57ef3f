import SQLAnalysis
import Testing

/// A setting's name that is no literal can be told only where the statement pins it down.
@Suite struct ChosenSettingTests {
    private func settings(_ text: String) async -> [String?] {
        let analyzer = SQLAnalyzer()
        defer { analyzer.shutdown() }
        return await withCheckedContinuation { continuation in
            analyzer.analyze(Array(text.utf8)) { analysis in
                continuation.resume(returning: analysis.statements.flatMap(\.settings).map(\.name))
            }
        }
    }

    @Test(arguments: [
        "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'",
        "select pg_catalog.set_config(name, 'x', true) from pg_catalog.pg_settings where name = 'restrict_nonsystem_relation_kind'",
    ])
    func isToldWhenTheRowIsPinned(text: String) async {
        #expect(await settings(text) == ["restrict_nonsystem_relation_kind"])
    }

    @Test(arguments: [
        "SELECT set_config(name, 'x', false) FROM pg_settings",
        "SELECT set_config(name, 'x', false) FROM pg_settings WHERE name <> 'role'",
        "SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'a' OR true",
        "SELECT set_config(name, 'x', false) FROM pg_settings, t WHERE name = 'a'",
        "SELECT set_config(setting, 'x', false) FROM pg_settings WHERE name = 'a'",
        "SELECT set_config(name, 'x', false) FROM t WHERE name = 'a'",
        "SELECT set_config('ro' || 'le', 'x', false)",
    ])
    func staysUnknownOtherwise(text: String) async {
        #expect(await settings(text) == [nil])
    }
}
