import DataMasking
import GatewayCore
import Testing

private let key = MaskKey(bytes: Array(repeating: 1, count: 32))
private let dba = HoldTerms(groups: ["dba"], count: 1, within: 60)
private let id = RecordID(high: 1, low: 2)

private func rule(
    _ columns: String..., detect: [Detector] = [], unmask: HoldTerms? = nil, for seconds: Int = 3600
) -> MaskRule {
    MaskRule(
        columns: columns.compactMap { ColumnPattern($0) }, detect: detect,
        unmask: unmask.map { UnmaskTerms(terms: $0, seconds: seconds) })
}

private func at(_ table: String, _ column: String) -> ColumnOrigin {
    .column(schema: "public", table: table, column: column)
}

@Suite struct UnmaskingTests {
    private static func plan(
        _ rules: [MaskRule], _ origins: [ColumnOrigin], granted: [String], terms: Set<HoldTerms> = [dba],
        name: String = "x", isText: Bool = true
    ) -> MaskPlan {
        let grant = Unmasking.Grant(approval: id, columns: granted.compactMap(UnmaskedColumn.init), terms: terms)
        return MaskSet(rules: rules, key: key).plan(
            columns: [AnswerColumn(name: name, origins: origins, isText: isText, touchesMasked: true)],
            showing: Unmasking(grants: [grant]))
    }

    @Test func aGrantedColumnIsShownAndNamed() throws {
        let plan = Self.plan([rule("customers.ssn", unmask: dba)], [at("customers", "ssn")], granted: ["customers.ssn"])
        #expect(plan.actions == [.pass])
        #expect(plan.isIdentity)
        let column = try #require(UnmaskedColumn("public.customers.ssn"))
        #expect(plan.shown == [Unmasking.Shown(approval: id, column: column)])
    }

    /// Origins, what was granted, and whether it is shown.
    @Test(
        arguments: [
            ([at("customers", "ssn")], "customers.ssn", true),
            ([at("customers", "ssn")], "public.customers.ssn", true),
            ([at("customers", "ssn")], "other.customers.ssn", false),
            ([at("customers", "ssn")], "customers.name", false),
            ([at("customers", "ssn")], "Customers.ssn", false),
            // A view that passes it on, a partition.
            ([at("v", "ssn"), at("customers", "ssn")], "customers.ssn", true),
            // The view alone says nothing of what stands behind it.
            ([at("v", "ssn"), at("customers", "ssn")], "v.ssn", false),
            ([.derived(schema: "public", table: "customers", column: "ssn")], "customers.ssn", false),
            ([at("v", "ssn"), .derived(schema: "public", table: "customers", column: "ssn")], "customers.ssn", false),
            ([.computed], "customers.ssn", false),
            ([.unknown], "customers.ssn", false),
            ([at("customers", "ssn"), .unknown], "customers.ssn", false),
            ([], "customers.ssn", false),
        ] as [([ColumnOrigin], String, Bool)])
    func byWhereTheValuesLie(_ origins: [ColumnOrigin], _ granted: String, _ isShown: Bool) {
        for pattern in ["ssn", "*.ssn", "customers.ssn"] {
            let plan = Self.plan([rule(pattern, unmask: dba)], origins, granted: [granted], name: "ssn")
            #expect((plan.actions == [.pass]) == isShown, "\(pattern)")
            #expect(plan.shown.isEmpty == !isShown)
        }
    }

    @Test func otherRulesStay() {
        let origins = [at("customers", "ssn")]
        // One that nobody may lift, one on other terms, one by the name that the client sees.
        let others = [rule("customers.ssn"), rule("ssn", unmask: HoldTerms(groups: ["x"])), rule("alias")]
        for other in others {
            let plan = Self.plan(
                [rule("customers.ssn", unmask: dba), other], origins, granted: ["customers.ssn"], name: "alias")
            #expect(plan.actions == [.mask(.redact)])
            #expect(plan.shown.isEmpty)
        }
    }

    @Test func detectorsOfRulesThatAreLiftedStop() {
        let rules = [rule(detect: [.email], unmask: dba), rule(detect: [.creditCard])]
        let set = MaskSet(rules: rules, key: key)
        let origins = [at("customers", "note")]
        let masked = set.plan(columns: [AnswerColumn(name: "note", origins: origins, isText: true)])
        let shown = Self.plan(rules, origins, granted: ["customers.note"])
        func text(_ plan: MaskPlan) -> [UInt8]? {
            var output: [UInt8] = []
            let value = Array("ada@example.com 4111111111111111".utf8)
            return value.withUnsafeBytes { plan.mask($0, column: 0, into: &output) } == .replaced ? output : nil
        }
        #expect(text(masked) == Array("*** ***".utf8))
        #expect(text(shown) == Array("ada@example.com ***".utf8))
        #expect(shown.shown.count == 1)
        // A column in which nothing is lifted.
        #expect(Self.plan(rules, [at("customers", "other")], granted: ["customers.note"]).shown.isEmpty)
    }

    @Test func whatMustBeAgreedTo() throws {
        func needed(_ names: String..., rules: MaskRule...) throws -> (all: UnmaskTerms, each: Set<HoldTerms>) {
            try UnmaskTerms.needed(for: names.compactMap(UnmaskedColumn.init), by: rules)
        }
        let both = HoldTerms(groups: ["dba", "privacy"], count: 2, within: 30)
        let found = try needed(
            "t.a", "t.b", rules: rule("t.a", unmask: dba, for: 600), rule("b", unmask: both), rule("t.c"))
        #expect(found.all == UnmaskTerms(terms: HoldTerms(groups: ["dba"], count: 2, within: 30), seconds: 600))
        #expect(found.each == [dba, both])
        #expect(throws: UnmaskProblem.self) { try needed("t.a", rules: rule("t.a")) }
        #expect(throws: UnmaskProblem.self) { try needed("t.a", rules: rule("t.a", unmask: dba), rule("a")) }
        #expect(throws: UnmaskProblem.self) { try needed("t.a", rules: rule("t.b", unmask: dba)) }
        #expect(throws: UnmaskProblem.self) { try needed(rules: rule("t.b", unmask: dba)) }
        #expect(throws: UnmaskProblem.self) {
            try needed("t.a", "t.b", rules: rule("t.a", unmask: dba), rule("t.b", unmask: HoldTerms(groups: ["x"])))
        }
    }

    @Test(arguments: [
        "", "a", "a.", ".a", "a..b", "a.b.c.d", "a.*", "a.b*", "a.b c", "a.b\n",
        "a." + .init(repeating: "x", count: 64),
    ])
    func wholeNamesOnly(_ text: String) { #expect(UnmaskedColumn(text) == nil) }
}
