import GatewayServer
import Testing

/// Node trees in the shape of `pg_rewrite.ev_action`, cut to what matters.
@Suite struct ViewDefinitionTests {
    private func origins(_ tree: String) -> [Int16: ViewDefinition.Origin] {
        ViewDefinition(nodeTree: tree.utf8).origins
    }

    private func target(
        _ number: Int, name: String = "x", table: Int, column: Int, expression: String = "{VAR :varno 1}"
    ) -> String {
        "{TARGETENTRY :expr \(expression) :resno \(number) :resname \(name) :ressortgroupref 0 :resorigtbl \(table) :resorigcol \(column) :resjunk false}"
    }

    private func query(_ targets: String, tables: String = "<>", setOperations: String = "<>") -> String {
        "({QUERY :commandType 1 :rtable (\(tables)) :targetList (\(targets)) :setOperations \(setOperations) :stmt_location 0})"
    }

    @Test func plainColumnsHaveTheirOrigin() {
        let tree = query(target(1, table: 16384, column: 3) + " " + target(2, table: 16390, column: 1))
        #expect(origins(tree) == [1: .init(table: 16384, attribute: 3), 2: .init(table: 16390, attribute: 1)])
    }

    @Test func computedColumnsHaveNone() {
        #expect(origins(query(target(1, table: 0, column: 0, expression: "{FUNCEXPR :args ({VAR :varno 1})}"))).isEmpty)
    }

    @Test func aSetOperationComputesEveryColumn() {
        let tree = query(target(1, table: 16384, column: 3), setOperations: "{SETOPERATIONSTMT :op 1}")
        #expect(origins(tree).isEmpty)
    }

    @Test func subqueriesDoNotSpeakForTheView() {
        let inner = query(target(7, table: 99, column: 9)).dropFirst().dropLast()
        let tree = query(target(1, table: 16384, column: 3), tables: "{RANGETBLENTRY :rtekind 1 :subquery \(inner)}")
        #expect(origins(tree) == [1: .init(table: 16384, attribute: 3)])
    }

    @Test(arguments: ["\\{TARGETENTRY", ":resorigtbl", "a\\ :resorigtbl\\ 1\\ ", "\\}", ":resno", "<>"])
    func namesCannotForgeAnOrigin(name: String) {
        #expect(
            origins(query(target(1, name: name, table: 16384, column: 3))) == [1: .init(table: 16384, attribute: 3)])
    }

    @Test func nonsenseNeverTraps() {
        let seed = UInt64.random(in: .min ... .max)
        print("ViewDefinition seed \(seed)")
        var generator = Seeded(state: seed)
        let alphabet = Array("{}() \\:resnotblcig0189TARGENY<>".utf8)
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            _ = ViewDefinition(nodeTree: bytes)
        }
        _ = ViewDefinition(nodeTree: Array("}}}}}}}}{{{".utf8))
    }
}

/// SplitMix64, so that a printed seed repeats a run.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
