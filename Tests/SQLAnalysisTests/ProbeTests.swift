import SQLAnalysis
import Testing

@Suite struct ProbeTests {
    @Test(arguments: [
        ("SELECT id, ssn FROM c WHERE id = 7 ORDER BY id", ["id"]),
        ("SELECT id FROM c WHERE lower(ssn) LIKE 'x%'", ["ssn"]),
        ("SELECT id, ssn FROM c ORDER BY 2", ["ssn"]), ("SELECT id, ssn AS x FROM c ORDER BY x", ["x", "ssn"]),
        ("SELECT 1 FROM a JOIN c ON a.k = c.ssn", ["k", "ssn"]), ("SELECT 1 FROM a JOIN c USING (ssn)", ["ssn"]),
        ("SELECT 1 FROM a NATURAL JOIN c", ["*"]), ("SELECT DISTINCT ssn FROM c", ["ssn"]),
        ("SELECT 1 FROM d WHERE EXISTS (SELECT 1 FROM a JOIN c USING (ssn))", ["ssn"]),
        ("SELECT count(*) FROM c", []), ("SELECT count(ssn), name FROM c", ["ssn"]),
        ("SELECT CASE WHEN ssn > 'a' THEN n END FROM c", ["ssn", "n"]),
        ("SELECT id FROM c WHERE c IS NULL", ["*", "c"]),
        ("SELECT ssn FROM c UNION ALL SELECT x FROM d", []), ("SELECT ssn FROM c EXCEPT SELECT 'x'", ["ssn"]),
        ("SELECT a FROM (SELECT id, ssn FROM c) q (a, b) WHERE b = 'x'", ["b", "id", "ssn"]),
        ("WITH q AS (SELECT ssn AS y FROM c) SELECT 1 FROM q WHERE y = 'x'", ["y", "ssn"]),
        ("DELETE FROM c USING d WHERE c.ssn = d.k", ["ssn", "k"]), ("UPDATE c SET n = ssn WHERE id = 1", ["id"]),
        ("MERGE INTO c USING d ON c.ssn = d.k WHEN MATCHED THEN DO NOTHING", ["ssn", "k"]),
        ("PREPARE p AS SELECT 1 FROM c WHERE ssn = $1", ["ssn"]),
        ("SELECT rank() OVER (PARTITION BY ssn) FROM c", ["ssn"]),
    ])
    func columnsThatAreAskedBy(text: String, expected: [String]) async throws {
        let analysis = await analyze(text)
        #expect(analysis.notUnderstood == nil)
        #expect(Set(analysis.statements.flatMap(\.probes)) == Set(expected))
    }
}
