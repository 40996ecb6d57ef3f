import AuditLedger
import GatewayCore

/// An evidence bundle: what the record holds of one session, with all that a stranger needs to check it offline. A plain
/// uncompressed tar archive (POSIX ustar) of one folder, `evidence-<session>`, with these files in this order:
///
/// - `README.txt`: what this is and how to check it by hand; always this text.
/// - `key.txt`: the log's verifier key, as in a C2SP signed note.
/// - `checkpoint`: the C2SP tlog-checkpoint that all proofs lead to.
/// - for each entry, by its sequence in the session: `entries/<seq>.json`, the exact bytes of the leaf;
///   `entries/<seq>.tlog-proof`, its C2SP tlog-proof; and for each item of its content that there is,
///   `content/<seq>-<item>-<kind>`: the 32 bytes of salt, then the content, so that the file's SHA-256 is the leaf's
///   commitment.
///
/// Names, order and headers have one form only; nothing else is read.
enum EvidenceFormat {
    static func folder(_ session: RecordID) -> String { "evidence-\(session)/" }

    static func entry(_ sequence: UInt64) -> String { "entries/\(padded(sequence, 8)).json" }

    static func proof(_ sequence: UInt64) -> String { "entries/\(padded(sequence, 8)).tlog-proof" }

    static func content(_ sequence: UInt64, item: Int, _ kind: ContentItem.Kind) -> String {
        // Kinds are short names; what is none is not spelled out.
        let letters = kind.rawValue.utf8
        let isName =
            !letters.isEmpty && letters.count <= 32
            && letters.allSatisfy { $0 == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        return "content/\(padded(sequence, 8))-\(padded(UInt64(item), 2))-\(isName ? kind.rawValue : "other")"
    }

    private static func padded(_ number: UInt64, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    static let readme = """
        Evidence of one session, out of the audit log of a Sallyport gateway (format 1)

        What is here
          key.txt                      the log's public key: name+id+base64(0x01, Ed25519 key)  (C2SP signed-note)
          checkpoint                   the log's size and root hash, signed with this key       (C2SP tlog-checkpoint)
          entries/N.json               the session's entry number N, exactly as it is in the log
          entries/N.tlog-proof         the proof that this entry is in the log                  (C2SP tlog-proof)
          content/N-I-KIND             content number I of entry N: 32 random bytes, then the content itself

        What it shows
          Whoever trusts the key knows from the proofs that the log holds these entries, and from "seq", which counts
          from 0 without a gap, that none between the first and the last is left out. "session.open" is the first and
          "session.close" the last; without the latter the session was still open, or its end was left out. Each
          entry names the SHA-256 of its content, in "content": what is here is what was recorded, after masking. What
          is not here was erased, or is not shown.

        Compare the key with the one that you were given elsewhere. Here it proves nothing of itself.

        How to check it
          With the gateway's program, offline:   sallyport audit verify --bundle FILE --key KEY
          By hand:
          1. Content: sha256sum content/N-I-KIND gives the "sha256" of item I (from 0) in entries/N.json. Where that
             item has "kept", only so many bytes were recorded, and the sum cannot be made again.
          2. Leaf hash: (printf '\\0'; cat entries/N.json) | sha256sum
          3. Root hash: from the leaf hash, with the hashes in the proof, by RFC 9162 section 2.1.3.2; inner nodes are
             SHA-256 of the byte 1, the left and the right hash. It is the third line of the checkpoint, in base64.
          4. Signature: the Ed25519 signature in the checkpoint's last line, after the first four bytes of its base64,
             is over the lines before the empty line, with the newline of each.

        """
}
