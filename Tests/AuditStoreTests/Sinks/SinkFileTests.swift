import AuditLedger
import AuditStore
import GatewayCore
import Testing

private let path = "/logs/events.jsonl"
private let name = "events.jsonl"

private func line(_ number: Int) -> [UInt8] {
    Array("{\"n\":\(number),\"fill\":\"\(String(repeating: "x", count: number % 37))\"}".utf8)
}

/// The numbers of the lines of all files, rotated ones first in their order; an issue for what is no whole line.
private func numbers(_ disk: SimulatedStorage, _ what: String = "") -> [Int] {
    let rotated = disk.paths.compactMap { path -> Int? in
        path.hasPrefix(name + ".") ? Int(path.dropFirst(name.count + 1)) : nil
    }.sorted()
    var found: [Int] = []
    for file in rotated.map({ "\(name).\($0)" }) + [name] {
        let bytes = disk.bytes(of: file) ?? []
        #expect(bytes.isEmpty || bytes.last == 0x0A, "\(what): \(file) ends in a torn line")
        for text in bytes.split(separator: 0x0A) {
            let digits = text.dropFirst(5).prefix { $0 >= 0x30 && $0 <= 0x39 }
            guard let number = Int(String(decoding: digits, as: UTF8.self)), Array(text) == line(number) else {
                Issue.record("\(what): a torn line in \(file): \(String(decoding: text, as: UTF8.self))")
                continue
            }
            found.append(number)
        }
    }
    return found
}

/// A sink's work over one disk: files beside the cursor. Each batch is one to three lines.
private struct Work {
    static let rotation = SinkFile.Rotation(size: 220, keep: 1000)

    let disk: SimulatedStorage

    init(_ disk: SimulatedStorage) {
        self.disk = disk
    }

    func open(_ cursor: SinkCursor?) throws -> SinkFile {
        try SinkFile(storage: disk, path: path, rotation: Self.rotation, at: cursor?.file)
    }

    /// Goes on from the cursor on disk up to `count` lines.
    func run(to count: Int) throws {
        let cursors = SinkCursors(storage: disk)
        var cursor = try cursors.load("siem") ?? SinkCursor(origin: "log", next: 0)
        var file = try open(cursor)
        if cursor.file != file.place {
            cursor.file = file.place
            try cursors.save(cursor, of: "siem")
        }
        while cursor.next < UInt64(count) {
            let next = min(Int(cursor.next) + 1 + Int(cursor.next) % 3, count)
            try file.append((Int(cursor.next)..<next).map(line))
            cursor = SinkCursor(origin: "log", next: UInt64(next), file: file.place)
            try cursors.save(cursor, of: "siem")
        }
    }
}

@Suite("Sinks: the file") struct SinkFileTests {
    @Test("Lines follow one another through rotations, and again after a restart")
    func rotation() throws {
        let disk = SimulatedStorage()
        try Work(disk).run(to: 40)
        try Work(disk).run(to: 41)
        #expect(numbers(disk) == Array(0..<41))
        let files = disk.paths.filter { $0.hasPrefix(name) }
        #expect(files.count > 3 && files.contains("\(name).1") && files.contains("\(name).2"))
        for file in files { #expect((disk.bytes(of: file) ?? []).count <= 220) }
    }

    @Test("Only so many rotated files are kept, the newest")
    func keep() throws {
        let disk = SimulatedStorage()
        var file = try SinkFile(storage: disk, path: path, rotation: .init(size: 50, keep: 2), at: nil)
        for number in 0..<20 { try file.append([line(number)]) }
        let files = disk.paths.filter { $0.hasPrefix(name) }
        #expect(files.count == 3)
        let left = numbers(disk)
        #expect(left.last == 19 && left == Array((20 - left.count)..<20))
    }

    @Test("A batch longer than a file goes into one of its own, whole")
    func longBatch() throws {
        let disk = SimulatedStorage()
        var file = try SinkFile(storage: disk, path: path, rotation: .init(size: 100, keep: 9), at: nil)
        try file.append([line(0)])
        try file.append((1..<40).map(line))
        try file.append([line(40)])
        #expect(numbers(disk) == Array(0...40))
        #expect(disk.paths.filter { $0.hasPrefix(name) }.count == 3)
    }

    @Test("Wherever the power goes, each line is there once and whole")
    func powerCut() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = Seeded(state: seed)
        let dry = SimulatedStorage()
        try Work(dry).run(to: 30)
        let calls = dry.calls
        #expect(calls > 100)
        for at in 1...calls {
            let disk = SimulatedStorage(fault: .init(at: at, call: nil, number: 5, isCrash: true))
            #expect(throws: (any Error).self) { try Work(disk).run(to: 30) }
            // After a power cut some unsynced sectors survive; after a kill all of them do.
            let after: [(String, SimulatedStorage)] = [
                ("cut", disk.rebooted()), ("torn", disk.rebooted { Bool.random(using: &random) }),
                ("killed", disk.copied()),
            ]
            for (kind, rebooted) in after {
                try Work(rebooted).run(to: 30)
                #expect(numbers(rebooted, "\(kind) at \(at), seed \(seed)") == Array(0..<30), "\(kind) at \(at)")
            }
        }
    }

    @Test("Two crashes in a row", arguments: 0..<40)
    func twice(_ round: Int) throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Seeded(state: seed)
        let first = SimulatedStorage(
            fault: .init(at: Int.random(in: 1...150, using: &random), call: nil, number: 5, isCrash: true))
        try? Work(first).run(to: 40)
        let second = first.rebooted { Bool.random(using: &random) }.copied(
            fault: .init(at: Int.random(in: 1...30, using: &random), call: nil, number: 5, isCrash: true))
        try? Work(second).run(to: 40)
        let third = second.rebooted { Bool.random(using: &random) }
        try Work(third).run(to: 40)
        #expect(numbers(third, "seed \(seed)") == Array(0..<40), "seed \(seed)")
    }

    @Test("A call that fails once: made again from the cursor, in the same process, nothing is lost or doubled")
    func failures() throws {
        let dry = SimulatedStorage()
        try Work(dry).run(to: 30)
        for at in 1...dry.calls {
            let disk = SimulatedStorage(fault: .init(at: at, call: nil, number: 28, isCrash: false))
            #expect(throws: (any Error).self) { try Work(disk).run(to: 30) }
            try Work(disk).run(to: 30)
            #expect(numbers(disk, "failed at \(at)") == Array(0..<30), "failed at \(at)")
        }
    }

    @Test("Somebody else's file is appended to, never cut")
    func foreign() throws {
        let disk = SimulatedStorage()
        let theirs = Array("theirs\nand a torn li".utf8)
        try disk.open(name, create: true).write(theirs, at: 0)
        try Work(disk).run(to: 3)
        let bytes = try #require(disk.bytes(of: name))
        #expect(bytes.starts(with: theirs + [0x0A]))
        #expect(bytes.count > theirs.count + 20)
    }

    @Test("A file exchanged while the gateway was down is known by its bytes: nothing of it is cut")
    func exchanged() throws {
        let disk = SimulatedStorage()
        try Work(disk).run(to: 6)
        let theirs = [UInt8](repeating: 0x61, count: 500) + [0x0A]
        disk.edit(name) { $0 = theirs }
        let cursor = try SinkCursors(storage: disk).load("siem")
        let file = try Work(disk).open(cursor)
        #expect(file.wasReplaced)
        try Work(disk).run(to: 8)
        // Rotated, since it is long; with all its bytes.
        let all = disk.paths.filter { $0.hasPrefix(name) }.compactMap { disk.bytes(of: $0) }
        #expect(all.contains { $0.starts(with: theirs) })
        #expect(all.contains { Array($0.suffix(line(7).count + 1)) == line(7) + [0x0A] })
    }

    @Test("A file cut short by somebody (copytruncate) goes on at its end")
    func cutShort() throws {
        let disk = SimulatedStorage()
        try Work(disk).run(to: 5)
        disk.edit(name) { $0 = [] }
        try Work(disk).run(to: 7)
        #expect(numbers(disk).suffix(2) == [5, 6])
    }

    @Test("Numbered files of an earlier life are never overwritten")
    func numbered() throws {
        let disk = SimulatedStorage()
        let theirs = Array("earlier\n".utf8)
        for number in [1, 2, 7] { try disk.open("\(name).\(number)", create: true).write(theirs, at: 0) }
        for other in ["\(name).01", "\(name).x", "\(name).0"] { _ = try disk.open(other, create: true) }
        try Work(disk).run(to: 30)
        for number in [1, 2, 7] { #expect(disk.bytes(of: "\(name).\(number)") == theirs) }
        #expect(disk.bytes(of: "\(name).8") != nil)
    }
}
