import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import LedgerWitness
import Synchronization
import Testing

@Suite("Witness")
struct WitnessTests {
    /// What a client sends to a witness that has cosigned size 5, and what it must hear.
    @Test("Answers by the letter of the specification")
    func table() throws {
        let log = try TestLog()
        let fork = try TestLog(fork: 3)
        let laterFork = try TestLog(fork: 7)
        let stranger = try TestLog("gw-2.example.com/x")
        let wrongKey = try TestLog(key: 2)
        let cases: [(String, [UInt8], Int, String?)] = [
            ("the next checkpoint", try log.request(5, 9), 200, nil),
            ("the same again", try log.request(5, 5), 200, nil),
            ("a fork before what was cosigned", try fork.request(5, 9), 422, nil),
            ("a fork of the same size", try fork.request(5, 5), 409, "5\n"),
            ("a fork after what was cosigned", try laterFork.request(5, 9), 200, nil),
            ("a rollback that knows of it", try log.request(5, 4, proof: []), 400, nil),
            ("a rollback that does not", try log.request(3, 4), 409, "5\n"),
            ("asking for the size", try log.request(0, 9), 409, "5\n"),
            ("too far ahead", try log.request(7, 9), 409, "5\n"),
            ("a proof of other sizes", try log.request(5, 9, proof: log.proof(4, 9)), 422, nil),
            ("no proof", try log.request(5, 9, proof: []), 422, nil),
            ("a proof where none may be", try log.request(5, 5, proof: log.proof(4, 5)), 422, nil),
            ("another log", try stranger.request(0, 4), 404, nil),
            ("the wrong key", try wrongKey.request(5, 9), 403, nil),
            ("nothing", [], 400, nil),
            ("no request", Array("hello\n\n".utf8), 400, nil),
            ("a negative size", Array("old -1\n\n".utf8), 400, nil),
            ("too long", [UInt8](repeating: 10, count: Witness.bodyLimit + 1), 400, nil),
        ]
        for (what, body, status, text) in cases {
            let witness = try newWitness(SimulatedStorage(), log)
            #expect(witness.addCheckpoint(try log.request(0, 5)).status == 200)
            let answer = witness.addCheckpoint(body)
            #expect(answer.status == status, "\(what)")
            if let text {
                #expect(answer.text == text, "\(what)")
                #expect(answer.contentType == "text/x.tlog.size", "\(what)")
            }
            // Whatever was asked, only what is consistent moved it.
            let expected = status == 200 && what != "the same again" ? "9\n" : "5\n"
            #expect(witness.addCheckpoint(try log.request(1, 2)).text == expected, "\(what)")
        }
    }

    @Test("A cosignature is the witness's, over the checkpoint, with the time; other signatures are not passed on")
    func cosignature() throws {
        let log = try TestLog()
        let witness = try newWitness(SimulatedStorage(), log)
        let answer = witness.addCheckpoint(try log.request(0, 7))
        let note = try log.signer.note(Checkpoint(origin: log.origin, head: log.head(7)).text)
        let cosigned = try note.adding(lines: answer.body, by: [witness.verifierKey])
        let signatures = try cosigned.verify([log.signer.verifierKey, witness.verifierKey])
        #expect(signatures.map(\.time) == [nil, 1_790_000_000])
    }

    @Test("The key is made once, private, under the name it was made with")
    func key() throws {
        let folder = NSTemporaryDirectory() + "/witness-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let storage = PosixStorage(root: folder)
        let first = try WitnessKeyFile.load(storage, name: "witness.example.com/w1")
        #expect(try WitnessKeyFile.load(storage, name: nil).verifierKey == first.verifierKey)
        #expect(throws: GatewayError.self) { try WitnessKeyFile.load(storage, name: "other") }
        let mode = try FileManager.default.attributesOfItem(atPath: folder + "/key")[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key"])
        // One bit off anywhere, and it is no key any more, not another one.
        let good = try #require(FileManager.default.contents(atPath: folder + "/key"))
        for place in 0..<(good.count - 1) {
            var bytes = good
            bytes[place] ^= 1
            try bytes.write(to: URL(fileURLWithPath: folder + "/key"))
            #expect(throws: GatewayError.self, "byte \(place)") { try WitnessKeyFile.load(storage, name: nil) }
        }
        #expect(throws: GatewayError.self) { try WitnessKeyFile.load(SimulatedStorage(), name: "two words") }
    }

    @Test("Another witness's key is no log's")
    func cosignerAsLog() throws {
        let cosigner = try WitnessKeyFile.load(SimulatedStorage(), name: "w")
        #expect(throws: GatewayError.self) {
            try Witness(
                storage: SimulatedStorage(), cosigner: cosigner, logs: [cosigner.verifierKey],
                now: { Timestamp(microseconds: 0) })
        }
    }

    private final class Cosigned: Sendable {
        let all = Mutex<[(fork: Bool, size: Int)]>([])
    }

    /// Two histories that part after size 10 race each other from many threads: at most one of them is ever cosigned past
    /// there, and sizes only grow.
    @Test("Submissions at once")
    func race() async throws {
        let one = try TestLog(size: 60)
        let other = try TestLog(fork: 10, size: 60)
        for _ in 0..<20 {
            let witness = try newWitness(SimulatedStorage(), one)
            #expect(witness.addCheckpoint(try one.request(0, 10)).status == 200)
            let cosigned = Cosigned()
            await withTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        let log = worker % 2 == 0 ? one : other
                        var size = 10
                        for step in 1...30 {
                            let next = min(60, size + 1 + (worker + step) % 4)
                            guard let body = try? log.request(size, next) else { continue }
                            let answer = witness.addCheckpoint(body)
                            if answer.status == 200 {
                                if next > 10 { cosigned.all.withLock { $0.append((worker % 2 == 1, next)) } }
                                size = next
                            } else if let known = Int(answer.text.dropLast()) {
                                size = min(known, 60)
                            }
                        }
                    }
                }
            }
            let all = cosigned.all.withLock { $0 }
            #expect(!all.isEmpty)
            #expect(Set(all.map(\.fork)).count == 1, "both histories were cosigned")
            let known = Int(witness.addCheckpoint(try one.request(1, 2)).text.dropLast())
            #expect(known == all.map(\.size).max())
        }
    }
}
