import PostgresDialect
import Testing

@Suite struct PlanRowsTests {
    private static func rows(_ text: String) -> Int? { Array(text.utf8).withUnsafeBytes { PlanRows.read($0) } }

    private static func node(_ type: String, _ rows: Int, _ more: String = "") -> String {
        #"{"Node Type": "\#(type)", "Parallel Aware": false, "Startup Cost": 0.00, "Plan Rows": \#(rows)\#(more)}"#
    }

    private static func plan(_ node: String) -> String {
        "[\n  {\n    \"Plan\": " + node + ", \"JIT\": {\"Functions\": 3}\n  }\n]"
    }

    @Test func theTopNodeTellsWhatIsAnsweredWith() {
        let scan = Self.node("Seq Scan", 1_000_000, #", "Parent Relationship": "Outer""#)
        #expect(Self.rows(Self.plan(Self.node("Aggregate", 1, ", \"Plans\": [\(scan)]"))) == 1)
        #expect(Self.rows(Self.plan(scan)) == 1_000_000)
    }

    @Test func whatIsChangedCountsAtAnyLevel() {
        let scan = Self.node("Seq Scan", 700, #", "Parent Relationship": "Outer""#)
        let sub = Self.node("Seq Scan", 9000, #", "Parent Relationship": "InitPlan""#)
        let modify = Self.node("ModifyTable", 0, ", \"Operation\": \"Delete\", \"Plans\": [\(scan), \(sub)]")
        #expect(Self.rows(Self.plan(modify)) == 700)
        let cte = Self.node(
            "CTE Scan", 3, ", \"Plans\": [" + Self.node("ModifyTable", 0, ", \"Plans\": [\(scan)]") + "]")
        #expect(Self.rows(Self.plan(cte)) == 700)
    }

    @Test func namesAndLiteralsAreNoPartOfThePlan() {
        let lie = #", "Filter": "(a = '\"Plan Rows\": 1}]')", "Relation Name": "Plan Rows\": 1""#
        #expect(Self.rows(Self.plan(Self.node("Seq Scan", 5000, lie))) == 5000)
        let name = #"{"Relation Name": "x", "Alias": "Plan Rows", "Plan Rows": 77}"#
        #expect(Self.rows(Self.plan(name)) == 77)
    }

    @Test(arguments: ["", "[]", "{}", "[{\"Plan\": ", "}", "\"", "[{\"Plan\": {\"Plan Rows\": 3}", "\\", "[1, 2]"])
    func whatIsNoPlan(_ text: String) { #expect(Self.rows(text) == nil) }

    @Test func hostileOnesAreBounded() {
        #expect(Self.rows(String(repeating: "{", count: 100_000)) == nil)
        #expect(Self.rows(Self.plan(#"{"Plan Rows": 99999999999999999999999}"#)) == .max)
        #expect(Self.rows(Self.plan(#"{"Plan Rows": 1e99}"#)) == 1)
    }
}
