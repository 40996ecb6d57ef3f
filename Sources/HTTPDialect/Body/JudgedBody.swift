import AccessPolicy
import GatewayCore
import HTTPContent
import NIOCore
import Synchronization

/// A request's body as rules see it: read when the first of them asks, and then known to all.
final class JudgedBody: Sendable {
    /// What the body was found to be.
    enum Content: Sendable {
        case json([UInt8], isLines: Bool)
        case form([FormField])
        /// The text of a document.
        case graphQL([UInt8])
    }

    private let block: FieldBlock
    /// As sent, codings and all; nil when not all of it is there.
    private let bytes: ByteBuffer?
    private let limit: Int
    private let known = Mutex<Result<Content, NotUnderstood>?>(nil)

    /// - Parameters:
    ///   - bytes: without the framing; nil when more of it is to come than is judged.
    ///   - limit: bytes that are read, without codings too.
    init(_ bytes: ByteBuffer?, block: FieldBlock, limit: Int) {
        self.bytes = bytes
        self.block = block
        self.limit = limit
    }

    func content() -> Result<Content, NotUnderstood> {
        known.withLock { known in
            if let known { return known }
            let content = read()
            known = content
            return content
        }
    }

    private func read() -> Result<Content, NotUnderstood> {
        guard let bytes else {
            return .failure(
                NotUnderstood(
                    message: "it goes on beyond what is judged of a request, \(limit) bytes",
                    setting: "limits.command", code: "54000"))
        }
        do throws(ContentFault) {
            return .success(try BodyContent.read(bytes, block, limit: limit))
        } catch {
            return .failure(NotUnderstood(error))
        }
    }
}

extension NotUnderstood {
    /// Why content cannot be read, as part of a sentence.
    init(_ fault: ContentFault) {
        let text = fault.message.hasSuffix(".") ? fault.message.dropLast() : fault.message[...]
        self.init(message: text.prefix(1).lowercased() + text.dropFirst())
    }
}
