import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// What a command is wherever it is sent: equal for the same one, different for any other, and nothing for what leans on
/// its session.
@Suite struct StandaloneTests {
    private func form(
        _ messages: [ByteBuffer], parameters: [(name: String, value: String)] = []
    ) async throws -> StandaloneCommand? {
        var bench = try Bench.signedIn(parameters: parameters)
        for message in messages { try await bench.client(message) }
        return bench.standalone
    }

    private func query(_ text: String) -> [ByteBuffer] { [FakeClient.query(text)] }

    private func bound(
        _ text: String = "DELETE FROM t WHERE a = $1", _ name: String = "", portal: String = "", types: [UInt32] = [],
        formats: [Int16] = [], values: [[UInt8]?] = [[49]], results: [Int16] = []
    ) -> [ByteBuffer] {
        [
            FakeClient.parse(text, name, types: types),
            FakeClient.bind(name, portal: portal, formats: formats, values, results: results),
        ]
    }

    @Test func theSameCommandIsTheSame() async throws {
        let one = try await form(query("DELETE FROM t WHERE a = 1"))
        #expect(one != nil)
        #expect(try await form(query("SELECT 1") + query("DELETE FROM t WHERE a = 1")) == one)
        let bound = try await form(bound())
        #expect(bound != nil && bound != one)
        // Drivers number their names anew in each session.
        #expect(try await form(self.bound("DELETE FROM t WHERE a = $1", "s1", portal: "p7")) == bound)
    }

    @Test func anyOtherIsAnother() async throws {
        var seen: [StandaloneCommand] = []
        let others: [[ByteBuffer]] =
            [
                query("DELETE FROM t WHERE a = 1"), query("DELETE FROM t WHERE a = 2"),
                query("DELETE FROM t WHERE a =  1"), query("DELETE FROM t WHERE a = $1"),
                query("SELECT 1; DELETE FROM t WHERE a = 1"),
            ] + [
                bound(), bound(values: [[50]]), bound(values: [nil]), bound(values: [[]]), bound(values: [[49], [50]]),
                bound(values: [[49, 50]]),
                bound(types: [23]), bound(types: [25]), bound(formats: [1]), bound(results: [1]),
                bound("DELETE FROM t WHERE b = $1"),
            ]
        for messages in others {
            let form = try #require(try await form(messages))
            #expect(!seen.contains(form))
            seen.append(form)
        }
        for value in ["a", "b"] {
            let form = try #require(try await form(others[0], parameters: [("search_path", value)]))
            #expect(!seen.contains(form))
            seen.append(form)
        }
        let options = try #require(try await form(others[0], parameters: [("options", "-c search_path=a")]))
        #expect(!seen.contains(options))
    }

    @Test func namesOfTheClientDoNotCount() async throws {
        let plain = try await form(query("DELETE FROM t"))
        #expect(try await form(query("DELETE FROM t"), parameters: [("application_name", "agent=x")]) == plain)
    }

    @Test(
        arguments: [
            ["PREPARE s AS DELETE FROM t", "EXECUTE s"], ["PREPARE s AS DELETE FROM t"], ["EXPLAIN EXECUTE s"],
            ["DECLARE c CURSOR FOR SELECT 7", "FETCH ALL FROM c"], ["DELETE FRO t"], ["DELETE FROM t; EXECUTE s"],
            ["SET search_path = mine", "DELETE FROM t"], ["CREATE TEMP TABLE t (a int)", "DELETE FROM t"],
            ["SELECT set_config('search_path', 'mine', false)", "DELETE FROM t"],
            ["CREATE TEMP TABLE t (a int); DELETE FROM t"], ["SET search_path = mine; DELETE FROM t"],
            ["CALL own()", "DELETE FROM t"], ["SET LOCAL search_path = mine", "DELETE FROM t"],
        ])
    func whatLeansOnItsSessionHasNone(texts: [String]) async throws {
        #expect(try await form(texts.map { FakeClient.query($0) }) == nil)
    }

    @Test(
        arguments: [
            ["RESET ALL", "DELETE FROM t"], ["SET statement_timeout = 7", "DELETE FROM t"],
            ["BEGIN", "DELETE FROM t"], ["UNLISTEN *", "CLOSE ALL", "DELETE FROM t"],
        ])
    func housekeepingChangesNothing(texts: [String]) async throws {
        #expect(try await form(texts.map { FakeClient.query($0) }) == form(query("DELETE FROM t")))
    }

    @Test func aBindOfASQLStatementHasNone() async throws {
        #expect(
            try await form([FakeClient.query("PREPARE s AS DELETE FROM t"), FakeClient.bind("s")]) == nil)
        #expect(try await form([FakeClient.bind("nobody")]) == nil)
    }
}
