import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Testing

@Suite struct EvidenceTests {
    private func problem(_ bytes: [UInt8], key: NoteVerifierKey? = nil) throws -> LedgerProblem? {
        do {
            _ = try EvidenceCheck.run(file(bytes), key: key)
            return nil
        } catch let problem as LedgerProblem {
            return problem
        }
    }

    @Test func aSessionsEvidenceIsAccepted() async throws {
        let record = try await RecordedLedger()
        let bytes = try record.evidence(record.closed)
        let summary = try EvidenceCheck.run(file(bytes), key: record.ledger.key)
        #expect(summary.session == record.closed)
        #expect(summary.isKeyGiven && summary.isClosed)
        #expect((summary.entries, summary.contents, summary.partial, summary.missing) == (11, 8, 1, 0))
        #expect(try EvidenceCheck.run(file(bytes), key: nil).isKeyGiven == false)

        let other = try EvidenceCheck.run(file(record.evidence(record.open)), key: record.ledger.key)
        #expect(!other.isClosed && other.entries == 10)
        #expect(throws: GatewayError.self) { try record.evidence(RecordID(at: wallClock())) }
    }

    /// A public tool opens it, and its checksums are the commitments.
    @Test func tarAndSha256sumReadIt() async throws {
        let record = try await RecordedLedger()
        let folder = try Folder()
        let path = folder.path + "/evidence.tar"
        try Data(record.evidence(record.closed)).write(to: URL(fileURLWithPath: path))
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", "tar -xf evidence.tar && cd evidence-* && sha256sum content/00000002-00-answer"]
        shell.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        let pipe = Pipe()
        shell.standardOutput = pipe
        try shell.run()
        let printed = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        shell.waitUntilExit()
        #expect(shell.terminationStatus == 0)
        let unpacked = folder.path + "/evidence-\(record.closed)/"
        let leaf = try Leaf(Array(Data(contentsOf: URL(fileURLWithPath: unpacked + "entries/00000002.json"))))
        let digest = leaf.commitments[0].digest.map { String(format: "%02x", $0) }.joined()
        #expect(printed.hasPrefix(digest))
    }

    @Test func noByteCanBeFlippedOrCutOff() async throws {
        let record = try await RecordedLedger()
        let whole = try record.evidence(record.open)
        let seed = UInt64.random(in: 0..<1 << 32)
        print("seed \(seed)")
        var random = Seeded(state: seed)
        // The beginning byte by byte, the rest here and there.
        let places = Array(0..<2000) + (0..<2000).map { _ in Int.random(in: 2000..<whole.count, using: &random) }
        for place in places {
            var bytes = whole
            bytes[place] ^= 1 << UInt8(place % 8)
            if try problem(bytes) == nil { Issue.record("byte \(place) was flipped unseen") }
        }
        for length in stride(from: 0, to: whole.count, by: 197) {
            #expect(try problem(Array(whole.prefix(length))) != nil, "cut to \(length)")
        }
        #expect(try problem(whole + [0]) != nil)
        #expect(try problem(whole + [UInt8](repeating: 0, count: 512)) != nil)
    }

    @Test func anotherKeyOrSignatureIsRefused() async throws {
        let record = try await RecordedLedger()
        let thief = try NoteSigner(name: TestLedger.origin, privateKey: Curve25519.Signing.PrivateKey())
        let bytes = try record.evidence(record.closed)
        #expect(try problem(bytes, key: thief.verifierKey)?.kind == .checkpoint)
        var forged = Archive(bytes)
        forged["checkpoint"] = try record.ledger.note(signer: thief)
        #expect(try problem(forged.bytes, key: record.ledger.key)?.kind == .checkpoint)
        // All of it re-signed holds together, but not under the key that is known.
        forged["key.txt"] = Array((thief.verifierKey.text + "\n").utf8)
        let note = try SignedNote(record.ledger.note(signer: thief))
        for (name, bytes) in forged.files where name.hasSuffix(".tlog-proof") {
            let proof = try TransparencyProof(bytes)
            forged[name] = TransparencyProof(index: proof.index, hashes: proof.hashes, note: note).bytes
        }
        #expect(try problem(forged.bytes) == nil)
        #expect(try problem(forged.bytes, key: record.ledger.key)?.kind == .checkpoint)
    }

    @Test func entriesCannotBeLeftOutOrExchanged() async throws {
        let record = try await RecordedLedger()
        let whole = Archive(try record.evidence(record.closed))
        #expect(whole.bytes == (try record.evidence(record.closed)))

        var gap = whole
        gap.remove { $0.contains("/00000004") }
        #expect(try problem(gap.bytes) != nil)
        // Numbered anew, so that the names have no gap.
        gap.rename { name in
            guard let number = Int(name.dropFirst(8).prefix(8)), number > 4 else { return name }
            return name.replacing(String(format: "%08d", number), with: String(format: "%08d", number - 1))
        }
        #expect(try problem(gap.bytes)?.kind == .sequence)

        var swapped = whole
        swapped["entries/00000003.json"] = whole["entries/00000005.json"]
        #expect(try problem(swapped.bytes) != nil)
        swapped = whole
        swapped["entries/00000003.tlog-proof"] = whole["entries/00000005.tlog-proof"]
        #expect(try problem(swapped.bytes)?.kind == .entry)
        var other = whole
        other["entries/00000003.json"] = Archive(try record.evidence(record.open))["entries/00000003.json"]
        #expect(try problem(other.bytes) != nil)

        var cut = whole
        cut.remove { $0.contains("/00000010") }
        #expect(try EvidenceCheck.run(file(cut.bytes), key: nil).isClosed == false)
        var content = whole
        content["content/00000001-00-text"] = [UInt8](repeating: 1, count: 64)
        #expect(try problem(content.bytes)?.kind == .content)
        content.remove { $0 == "content/00000001-00-text" }
        #expect(try EvidenceCheck.run(file(content.bytes), key: nil).missing == 1)
    }

    @Test(arguments: [
        "../evil", "/etc/passwd", "evidence-x/README.txt",
        "evidence-00000000-0000-0000-0000-000000000000/../README.txt",
        String(repeating: "a", count: 99),
    ])
    func hostileNamesAreRefused(name: String) async throws {
        let record = try await RecordedLedger()
        let whole = Archive(try record.evidence(record.open))
        for place in [0, 3, whole.files.count] {
            var archive = whole
            archive.files.insert((name, [1, 2, 3]), at: place)
            #expect(try problem(archive.bytes(isPrefixed: { $0 != name }))?.kind == .bundle)
        }
    }

    @Test func hugeSizesCostNothing() async throws {
        let record = try await RecordedLedger()
        let whole = try record.evidence(record.open)
        for size in ["77777777777", "00040000000"] {
            for member in 0..<6 {
                var archive = Archive(whole)
                archive.files = Array(archive.files.prefix(member + 1))
                var bytes = archive.bytes
                let header = bytes.count - 1024 - Archive.blocks(archive.files[member].1.count) - 512
                bytes.replaceSubrange((header + 124)..<(header + 135), with: Array(size.utf8))
                Archive.seal(&bytes, header)
                #expect(try problem(bytes) != nil)
            }
        }
        #expect(try problem([]) != nil)
        #expect(try problem([UInt8](repeating: 0, count: 1024)) != nil)
        #expect(try problem([UInt8](repeating: 0xFF, count: 4096)) != nil)
    }
}

/// A bundle's files, to be changed and put together again by means of the test's own.
private struct Archive {
    var files: [(String, [UInt8])] = []
    private var folder = ""

    init(_ bytes: [UInt8]) {
        var offset = 0
        while bytes[offset] != 0 {
            let name = String(decoding: bytes[offset..<(offset + 100)].prefix { $0 != 0 }, as: UTF8.self)
            let size = Int(String(decoding: bytes[(offset + 124)..<(offset + 135)], as: UTF8.self), radix: 8) ?? 0
            let slash = name.firstIndex(of: "/") ?? name.startIndex
            folder = String(name[...slash])
            files.append(
                (String(name[name.index(after: slash)...]), Array(bytes[(offset + 512)..<(offset + 512 + size)])))
            offset += 512 + Self.blocks(size)
        }
    }

    static func blocks(_ size: Int) -> Int { (size + 511) / 512 * 512 }

    subscript(name: String) -> [UInt8]? {
        get { files.first { $0.0 == name }?.1 }
        set {
            guard let place = files.firstIndex(where: { $0.0 == name }) else { return }
            files[place].1 = newValue ?? []
        }
    }

    mutating func remove(_ isGone: (String) -> Bool) { files.removeAll { isGone($0.0) } }
    mutating func rename(_ body: (String) -> String) { files = files.map { (body($0.0), $0.1) } }

    var bytes: [UInt8] { bytes(isPrefixed: { _ in true }) }

    func bytes(isPrefixed: (String) -> Bool) -> [UInt8] {
        var out: [UInt8] = []
        for (name, content) in files {
            let start = out.count
            out += [UInt8](repeating: 0, count: 512)
            func put(_ text: String, _ place: Int) {
                out.replaceSubrange((start + place)..<(start + place + text.utf8.count), with: Array(text.utf8))
            }
            put((isPrefixed(name) ? folder : "") + name, 0)
            for (text, place) in [
                ("0000644", 100), ("0000000", 108), ("0000000", 116), (String(format: "%011o", content.count), 124),
                ("00000000000", 136), ("0", 156), ("ustar", 257), ("00", 263),
            ] { put(text, place) }
            Self.seal(&out, start)
            out += content + [UInt8](repeating: 0, count: Self.blocks(content.count) - content.count)
        }
        return out + [UInt8](repeating: 0, count: 1024)
    }

    /// Writes a header's checksum.
    static func seal(_ bytes: inout [UInt8], _ start: Int) {
        bytes.replaceSubrange((start + 148)..<(start + 156), with: [UInt8](repeating: 0x20, count: 8))
        let sum = bytes[start..<(start + 512)].reduce(0) { $0 + Int($1) }
        bytes.replaceSubrange((start + 148)..<(start + 156), with: Array(String(format: "%06o", sum).utf8) + [0, 0x20])
    }
}
