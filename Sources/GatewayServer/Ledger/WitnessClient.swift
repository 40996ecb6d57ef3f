import AuditLedger
import GatewayConfiguration
import GatewayCore

/// Submits checkpoints to one witness (C2SP tlog-witness). One submission at a time.
actor WitnessClient {
    nonisolated let witness: WitnessConfiguration
    private let transport: any WitnessTransport
    /// What the witness cosigned last, as far as is known; 0 asks it.
    private var size: UInt64 = 0

    init(_ witness: WitnessConfiguration, transport: any WitnessTransport) {
        self.witness = witness
        self.transport = transport
    }

    /// The lines of the witness's cosignature over a note, not verified. Errors: `ledger.rewound` when the witness knows
    /// another tree than this log's, `witness.refused`, `witness.unreachable`, and what the proof throws.
    func submit(
        _ note: SignedNote, _ checkpoint: Checkpoint, of ledger: any WitnessedLedger
    ) async throws -> [UInt8] {
        var old = min(size, checkpoint.head.size)
        // Twice when the size was not known; once more when another submission to the witness came between.
        for _ in 0..<3 {
            let hashes = try ledger.proof(from: old, to: checkpoint.head.size)
            let request = try AddCheckpointRequest(oldSize: old, proof: hashes, note: note)
            let answer: WitnessAnswer
            do {
                answer = try await transport.post(witness.url + "/add-checkpoint", request.body)
            } catch let error as GatewayError {
                throw error
            } catch {
                throw GatewayError(
                    .witnessUnreachable, "The witness \(witness.key.name) cannot be reached at \(witness.url).",
                    cause: error)
            }
            switch answer.status {
            case 200:
                size = checkpoint.head.size
                return answer.body
            case 409:
                guard let known = Self.knownSize(answer) else { throw refused(409) }
                if known > checkpoint.head.size {
                    throw GatewayError(
                        .ledgerRewound,
                        "The witness \(witness.key.name) has cosigned \(known) entries of this log, which has \(checkpoint.head.size): its data folder is an older copy, or was cut."
                    )
                }
                if known == old { throw old == checkpoint.head.size ? rewritten(old) : refused(409) }
                old = known
            case 422:
                throw rewritten(old)
            default:
                throw refused(answer.status)
            }
        }
        throw refused(409)
    }

    private static func knownSize(_ answer: WitnessAnswer) -> UInt64? {
        let type = answer.contentType.prefix { $0 != ";" && $0 != " " }
        guard type.lowercased() == WitnessDecision.conflictContentType else { return nil }
        return AddCheckpointRequest.size(inConflict: answer.body)
    }

    private func rewritten(_ size: UInt64) -> GatewayError {
        GatewayError(
            .ledgerRewound,
            "The witness \(witness.key.name) has cosigned \(size) entries of this log that are not the first \(size) of it: the log was rewritten, or an older copy of its data folder went on."
        )
    }

    private func refused(_ status: Int) -> GatewayError {
        let why =
            switch status {
            case 403: "it knows this log under another key"
            case 404: "it does not know this log; add the log's verifier key there"
            default: "it answered \(status)"
            }
        return GatewayError(.witnessRefused, "The witness \(witness.key.name) does not sign: \(why).")
    }
}
