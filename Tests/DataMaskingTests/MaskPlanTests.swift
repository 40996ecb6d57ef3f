import DataMasking
import GatewayCore
import Testing

private let key = MaskKey(bytes: Array(repeating: 1, count: 32))

private func set(_ rules: MaskRule...) -> MaskSet { MaskSet(rules: rules, key: key) }

private func rule(
    _ columns: String..., detect: [Detector] = [], with method: MaskMethod = .redact, unknown: MaskRule.Unknown = .mask
) -> MaskRule {
    MaskRule(columns: columns.compactMap { ColumnPattern($0) }, detect: detect, method: method, unknown: unknown)
}

private func from(_ table: String, _ column: String, schema: String = "public") -> ColumnOrigin {
    .column(schema: schema, table: table, column: column)
}

private func action(
    _ set: MaskSet, _ name: String, _ origins: [ColumnOrigin], isText: Bool = true, touchesMasked: Bool = false
) -> ColumnAction {
    set.plan(columns: [AnswerColumn(name: name, origins: origins, isText: isText, touchesMasked: touchesMasked)])
        .actions[0]
}

@Suite struct MaskPlanTests {
    @Test(arguments: [
        ("customers.ssn", "public", "customers", "ssn", true),
        ("customers.ssn", "sales", "customers", "ssn", true),
        ("customers.ssn", "public", "orders", "ssn", false),
        ("customers.ssn", "public", "customers", "name", false),
        ("public.customers.ssn", "public", "customers", "ssn", true),
        ("public.customers.ssn", "sales", "customers", "ssn", false),
        ("public.customers.ssn", "", "customers", "ssn", true),
        ("*.ssn", "public", "anything", "ssn", true),
        ("ssn", "public", "anything", "ssn", true),
        ("ssn", "public", "anything", "ssn2", false),
        ("ssn*", "public", "anything", "ssn2", true),
        ("*_secret", "public", "t", "very_secret", true),
        ("a*b*c", "public", "t", "aXbYbZc", true),
        ("a*b*c", "public", "t", "aXbYbZ", false),
        ("Customers.SSN", "public", "customers", "ssn", true),
        ("customers.*", "public", "customers", "anything", true),
    ])
    func patternsByOrigin(pattern: String, schema: String, table: String, column: String, expected: Bool) throws {
        let set = set(rule(pattern))
        let found = action(set, "alias_name", [from(table, column, schema: schema)])
        #expect(found == (expected ? .mask(.redact) : .pass))
        #expect((set.method(schema: schema, table: table, column: column) != nil) == expected)
    }

    @Test(arguments: ["", ".", "a.", ".a", "a..b", "a.b.c.d"])
    func brokenPatternsAreNone(text: String) {
        #expect(ColumnPattern(text) == nil)
    }

    @Test func aliasDoesNotHideAColumn() {
        #expect(action(set(rule("customers.ssn")), "harmless", [from("customers", "ssn")]) == .mask(.redact))
    }

    @Test func bareNameMatchesTheOutputNameToo() {
        #expect(action(set(rule("ssn")), "ssn", [.computed]) == .mask(.redact))
        #expect(action(set(rule("*.ssn")), "SSN", [.computed]) == .mask(.redact))
        #expect(action(set(rule("customers.ssn")), "ssn", [from("orders", "id")]) == .pass)
    }

    @Test func unknownOriginFollowsTheRule() {
        #expect(action(set(rule("customers.ssn", with: .partial)), "x", [.unknown]) == .mask(.partial))
        #expect(action(set(rule("customers.ssn", with: .partial)), "x", []) == .mask(.partial))
        #expect(action(set(rule("customers.ssn", unknown: .deny)), "x", [.unknown]) == .deny)
        // One of several origins unknown is unknown.
        #expect(action(set(rule("customers.ssn")), "x", [from("orders", "id"), .unknown]) == .mask(.redact))
        #expect(action(set(rule(detect: [.email])), "x", [.unknown], isText: false) == .pass)
    }

    @Test func computedIsMaskedWhenItTouchesAMaskedColumn() {
        let masks = set(rule("customers.ssn"))
        #expect(action(masks, "x", [.computed], touchesMasked: true) == .mask(.redact))
        #expect(action(masks, "x", [.computed], touchesMasked: false) == .pass)
    }

    @Test func strictestRuleWinsInAnyOrder() {
        let partial = rule("customers.ssn", with: .partial)
        let null = rule("ssn", with: .null)
        for masks in [set(partial, null), set(null, partial)] {
            #expect(action(masks, "x", [from("customers", "ssn")]) == .mask(.null))
        }
    }

    @Test func detectorsReadTextOnly() {
        let masks = set(rule(detect: [.email], with: .partial))
        #expect(action(masks, "x", [from("t", "c")]) == .scan(Scanner([(.email, .partial)])))
        #expect(action(masks, "x", [from("t", "c")], isText: false) == .pass)
    }

    @Test func detectorsBoundToColumnsReadThoseAndWhatIsOpen() {
        let masks = set(rule("notes.body", detect: [.email]))
        #expect(action(masks, "x", [from("notes", "body")]) == .scan(Scanner([(.email, .redact)])))
        #expect(action(masks, "x", [from("notes", "title")]) == .pass)
        #expect(action(masks, "x", [.computed]) == .scan(Scanner([(.email, .redact)])))
        #expect(!masks.hasColumnRules)
    }

    @Test func identityAndDenied() {
        let masks = set(rule("customers.ssn", unknown: .deny))
        let plain = masks.plan(columns: [AnswerColumn(name: "id", origins: [from("orders", "id")], isText: false)])
        #expect(plain.isIdentity && plain.denied == nil)
        let open = masks.plan(columns: [
            AnswerColumn(name: "id", origins: [from("orders", "id")], isText: false),
            AnswerColumn(name: "f", origins: [.unknown], isText: true),
        ])
        #expect(!open.isIdentity && open.denied == 1)
    }

    @Test func planMasksValues() {
        let masks = set(rule("ssn", with: .null), rule(detect: [.email], with: .partial))
        let plan = masks.plan(columns: [
            AnswerColumn(name: "ssn", origins: [from("c", "ssn")], isText: true),
            AnswerColumn(name: "note", origins: [from("c", "note")], isText: true),
            AnswerColumn(name: "id", origins: [from("c", "id")], isText: false),
        ])
        func mask(_ text: String, _ column: Int) -> (MaskedValue, String) {
            var output: [UInt8] = []
            let result = Array(text.utf8).withUnsafeBytes { plan.mask($0, column: column, into: &output) }
            return (result, String(decoding: output, as: UTF8.self))
        }
        #expect(mask("123", 0) == (.null, ""))
        #expect(mask("write to ada@example.com now", 1) == (.replaced, "write to a***@example.com now"))
        #expect(mask("nothing here", 1) == (.unchanged, ""))
        #expect(mask("5", 2) == (.unchanged, ""))
        // A row with more columns than were described is no reason to let one pass.
        #expect(mask("5", 3) == (.null, ""))
    }

    @Test func questionsOfTheDialect() {
        let masks = set(rule("public.customers.ssn", with: .partial), rule("note*", detect: [.email]))
        #expect(masks.mayMask(columnNamed: "SSN") == .partial)
        #expect(masks.mayMask(columnNamed: "notes") == nil)
        #expect(masks.mayMask(anyColumnOf: RelationName(name: "customers")))
        #expect(masks.mayMask(anyColumnOf: RelationName(schema: "public", name: "customers")))
        #expect(!masks.mayMask(anyColumnOf: RelationName(schema: "other", name: "customers")))
        #expect(!masks.mayMask(anyColumnOf: RelationName(name: "orders")))
    }
}
