import AuditLedger
import Crypto
import Testing

@Suite("Cosignatures")
struct CosignatureTests {
    static let body = Array(
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n".utf8)

    @Test("A cosignature is an Ed25519 signature over the message of the specification, behind its time")
    func message() throws {
        let cosigner = try Cosigner(name: "witness.example.com/w1", privateKey: key(7))
        let signature = try cosigner.sign(Self.body, time: 1_679_315_147)
        #expect(signature.signature.count == 72)
        #expect(Array(signature.signature[..<8]) == [0, 0, 0, 0, 0x64, 0x18, 0x50, 0xCB])
        let message = Array("cosignature/v1\ntime 1679315147\n".utf8) + Self.body
        #expect(try key(7).publicKey.isValidSignature(signature.signature[8...], for: message))
        let id = SHA256.hash(
            data: Array("witness.example.com/w1\n".utf8) + [4] + Array(try key(7).publicKey.rawRepresentation))
        #expect(Array(id.prefix(4)) == [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: signature.keyID >> $0) })
        let note = try SignedNote(text: Self.body, signatures: [signature])
        let verified = try SignedNote(note.bytes).verify([cosigner.verifierKey])
        #expect(verified.map(\.key) == [cosigner.verifierKey])
        #expect(verified.map(\.time) == [1_679_315_147])
    }

    @Test("The time of the specification's example")
    func example() throws {
        let line =
            "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
        let note = try SignedNote(Self.body + Array(("\n" + line).utf8))
        let signature = try #require(note.signatures.first)
        #expect(signature.name == "witness.example.com/w1")
        #expect(signature.keyID == 0x8D66_CF3F)
        #expect(signature.signature.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } == 1_679_315_147)
        #expect(text(signature.line) == line)
    }

    @Test("A checkpoint of a public log, cosigned by a public witness")
    func publicWitness() throws {
        let whole = """
            arche2025h1.staging.ct.transparency.dev
            1432088532
            U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

            — arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
            — arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
            — transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
            — witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
            — remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==

            """
        let log = try NoteVerifierKey(
            "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f")
        let witness = try NoteVerifierKey("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2")
        let note = try SignedNote(Array(whole.utf8))
        #expect(text(note.bytes) == whole)
        #expect(try Checkpoint(text: note.text).head.size == 1_432_088_532)
        let verified = try note.verify([witness, log])
        #expect(verified.map(\.key) == [log, witness])
        #expect(verified.map(\.time) == [nil, 0x6A12_2120])
        for (from, to) in [("1432088532", "1432088531"), ("2net5wAAAABqEiEg", "2net5wAAAABqEiEh")] {
            let start = try #require(whole.firstRange(of: from))
            let changed = whole.replacing(from, with: to, subrange: start)
            #expect(throws: SignedNote.Refused.badSignature(name: "remora.n621.de")) {
                try SignedNote(Array(changed.utf8)).verify([witness])
            }
        }
    }

    @Test("Time, text and kind of key are part of what is signed")
    func bound() throws {
        let cosigner = try Cosigner(name: "w", privateKey: key(7))
        let plain = try NoteSigner(name: "w", privateKey: key(7))
        let good = try SignedNote(text: Self.body, signatures: [cosigner.sign(Self.body, time: 5)])
        // Each byte of the signature, its time included.
        let bare = try #require(good.signatures.first)
        for place in bare.signature.indices {
            var changed = bare.signature
            changed[place] ^= 1
            let id = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bare.keyID >> UInt32($0)) }
            let line = Array("— w ".utf8) + Base64.encode(id + changed) + [0x0A]
            #expect(throws: SignedNote.Refused.badSignature(name: "w")) {
                try SignedNote(Self.body + [0x0A] + line).verify([cosigner.verifierKey])
            }
        }
        for count in 1...80 where count != 72 {
            let id = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bare.keyID >> UInt32($0)) }
            let bytes = Array((bare.signature + [UInt8](repeating: 0, count: 8)).prefix(count))
            let line = Array("— w ".utf8) + Base64.encode(id + bytes) + [0x0A]
            #expect(throws: SignedNote.Refused.badSignature(name: "w"), "\(count) bytes") {
                try SignedNote(Self.body + [0x0A] + line).verify([cosigner.verifierKey])
            }
        }
        // A plain signature of the same key is not a cosignature, nor the other way round.
        #expect(throws: SignedNote.Refused.noKnownSignature) { try good.verify([plain.verifierKey]) }
        #expect(throws: SignedNote.Refused.noKnownSignature) {
            try plain.note(Self.body).verify([cosigner.verifierKey])
        }
        #expect(throws: LedgerFormatError.self) { try cosigner.sign(Self.body, time: .max) }
        let latest = try cosigner.sign(Self.body, time: UInt64(Int64.max))
        #expect(
            try SignedNote(text: Self.body, signatures: [latest]).verify([cosigner.verifierKey]).first?.time
                == UInt64(Int64.max))
    }

    @Test("A witness's answer: known cosignatures are added once, unknown ones dropped, wrong ones refused")
    func adding() throws {
        let log = try NoteSigner(name: "example.com/behind-the-sofa", privateKey: key(1))
        let first = try Cosigner(name: "w1", privateKey: key(7))
        let second = try Cosigner(name: "w2", privateKey: key(8))
        let note = try log.note(Self.body)
        let known = [first.verifierKey]
        let lines = try first.sign(Self.body, time: 10).line + second.sign(Self.body, time: 10).line
        let added = try note.adding(lines: lines, by: known)
        #expect(added.signatures.map(\.name) == ["example.com/behind-the-sofa", "w1"])
        #expect(try added.verify([log.verifierKey] + known).map(\.time) == [nil, 10])
        let again = try added.adding(lines: first.sign(Self.body, time: 20).line, by: known)
        #expect(try again.verify([log.verifierKey] + known).map(\.time) == [nil, 20])
        let wrong = try first.sign(Array("other\n".utf8), time: 10).line
        #expect(throws: SignedNote.Refused.badSignature(name: "w1")) { try note.adding(lines: wrong, by: known) }
        #expect(throws: SignedNote.Refused.noKnownSignature) {
            try note.adding(lines: second.sign(Self.body, time: 10).line, by: known)
        }
        for hostile: [UInt8] in [
            [], [0x0A], Array("junk\n".utf8), Array(lines.dropLast()), lines + [0x0A], [0xFF, 0x0A],
        ] {
            #expect(throws: LedgerFormatError.self) { try note.adding(lines: hostile, by: known) }
        }
    }
}
