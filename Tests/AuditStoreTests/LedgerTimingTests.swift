import AuditLedger
import AuditStore
import Foundation
import Testing

/// How long a check takes and what it needs; not a part of the ordinary run: SALLYPORT_TIMING=1.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["SALLYPORT_TIMING"] == "1"))
struct LedgerTimingTests {
    @Test func aMillionEntries() throws {
        let count = 1_000_000
        let folder = try Folder()
        var ledger = try TestLedger(PosixStorage(root: folder.path))
        var source = LeafSource(seed: 1, open: 64, commands: 50)
        var bytes = 0
        for _ in 0..<count {
            let leaf = source.next()
            bytes += leaf.count
            try ledger.append(leaf)
        }
        try ledger.publish()
        let before = try residentKiB()
        let clock = ContinuousClock()
        let start = clock.now
        let summary = try ledger.check.run()
        let time = start.duration(to: clock.now)
        let peak = try peakKiB()
        print(
            "seed 1: \(count) entries of \(bytes / count) bytes verified in \(time), resident before \(before) KiB, peak \(peak) KiB"
        )
        #expect(summary.size == UInt64(count))
        #expect(time < .seconds(20))
    }

    private func residentKiB() throws -> Int { try status("VmRSS:") }
    private func peakKiB() throws -> Int { try status("VmHWM:") }

    private func status(_ field: String) throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix(field) } ?? ""
        return Int(line.split(whereSeparator: \.isWhitespace).dropFirst().first ?? "") ?? 0
    }
}
