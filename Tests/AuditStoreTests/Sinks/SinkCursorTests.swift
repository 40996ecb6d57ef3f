import AuditLedger
import AuditStore
import GatewayCore
import Testing

@Suite("Sinks: cursors") struct SinkCursorTests {
    private static let cursor = SinkCursor(
        origin: "gw-1.example.com/log-1f2e3d4c", next: 4711,
        file: SinkFilePlace(
            path: "/var/log/a b.jsonl", generation: 3, length: 77, tail: [UInt8](repeating: 9, count: 32)))

    @Test("What was saved is loaded, with and without a file")
    func roundTrip() throws {
        let disk = SimulatedStorage()
        let cursors = SinkCursors(storage: disk)
        #expect(try cursors.load("siem") == nil)
        for cursor in [Self.cursor, SinkCursor(origin: "x", next: 0)] {
            try cursors.save(cursor, of: "siem")
            #expect(try cursors.load("siem") == cursor)
            #expect(try SinkCursors(storage: disk.rebooted()).load("siem") == cursor)
        }
        #expect(try cursors.load("other") == nil)
    }

    @Test("At any crash the cursor is the old one or the new one")
    func crash() throws {
        let old = SinkCursor(origin: "x", next: 1)
        let start = SimulatedStorage()
        try SinkCursors(storage: start).save(old, of: "siem")
        let calls = start.calls
        #expect(calls > 4)
        try SinkCursors(storage: start).save(Self.cursor, of: "siem")
        for at in 1...(start.calls - calls) {
            let base = SimulatedStorage()
            try SinkCursors(storage: base).save(old, of: "siem")
            let disk = base.rebooted().copied(fault: .init(at: at, call: nil, number: 5, isCrash: true))
            try? SinkCursors(storage: disk).save(Self.cursor, of: "siem")
            for after in [disk.rebooted(), disk.rebooted { Bool.random() }, disk.copied()] {
                let found = try SinkCursors(storage: after).load("siem")
                #expect(found == old || found == Self.cursor, "at \(at)")
            }
        }
    }

    @Test("A damaged cursor is told, whatever byte of it is gone, and never taken for another place")
    func damaged() throws {
        let disk = SimulatedStorage()
        try SinkCursors(storage: disk).save(Self.cursor, of: "siem")
        let good = try #require(disk.bytes(of: "sinks/siem"))
        for length in 0..<good.count {
            disk.edit("sinks/siem") { $0 = Array(good.prefix(length)) }
            #expect(throws: GatewayError.self, "\(length)") { try SinkCursors(storage: disk).load("siem") }
        }
        let bad = [
            "sallyport sink cursor v2\norigin x\nnext 1\nend\n", "sallyport sink cursor v1\norigin x\nnext -1\nend\n",
            "sallyport sink cursor v1\norigin x\nnext 18446744073709551615\nend\n",
            "sallyport sink cursor v1\norigin \nnext 1\nend\n", "sallyport sink cursor v1\nnext 1\norigin x\nend\n",
            "\u{0}",
            String(repeating: "a", count: 100_000),
        ]
        for text in bad {
            disk.edit("sinks/siem") { $0 = Array(text.utf8) }
            #expect(throws: GatewayError.self) { try SinkCursors(storage: disk).load("siem") }
        }
        disk.edit("sinks/siem") { $0 = [0xFF, 0xFE] }
        #expect(throws: GatewayError.self) { try SinkCursors(storage: disk).load("siem") }
    }
}
