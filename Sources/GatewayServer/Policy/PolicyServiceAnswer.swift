import AccessPolicy
import Foundation
import GatewayCore

/// What a policy service answers: `{"result": true}`, `{"result": false}` or `{"result": {"verdict": "allow", "reason": …}}`.
/// Whatever else comes is a block that says what is wrong with it.
enum PolicyServiceAnswer {
    /// Bytes of an answer that are read.
    static let limit = 64 << 10
    private static let mostReason = 500

    private enum Result: Decodable {
        case flag(Bool)
        case verdict(String, reason: String?)

        private enum Key: String, CodingKey {
            case verdict
            case reason
        }

        init(from decoder: any Decoder) throws {
            if let flag = try? decoder.singleValueContainer().decode(Bool.self) {
                self = .flag(flag)
            } else {
                let members = try decoder.container(keyedBy: Key.self)
                self = .verdict(
                    try members.decode(String.self, forKey: .verdict),
                    reason: try members.decodeIfPresent(String.self, forKey: .reason))
            }
        }
    }

    private struct Document: Decodable {
        var result: Result?
    }

    static func read(status: UInt, _ body: [UInt8]) -> ExternalVerdict {
        guard status == 200 else { return failed("it answered with status \(status)") }
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(body)) else {
            return failed("its answer is neither a boolean nor {verdict, reason}")
        }
        switch document.result {
        case nil: return failed("its result is undefined")
        case .flag(let isAllowed)?: return ExternalVerdict(isAllowed ? .allow : .block)
        case .verdict(let word, let reason)?:
            guard let kind = VerdictKind(rawValue: word) else {
                return failed("its verdict is no allow, hold or block")
            }
            return ExternalVerdict(kind, reason: reason.map(printable))
        }
    }

    /// A block, since nothing is known (P3).
    static func failed(_ why: String) -> ExternalVerdict {
        ExternalVerdict(.block, reason: "The policy service (opa) gave no verdict: \(why).")
    }

    /// As a client may see it: one line of bounded length.
    private static func printable(_ text: String) -> String {
        let plain = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        return String(String.UnicodeScalarView(plain).prefix(mostReason))
    }
}
