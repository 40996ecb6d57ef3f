import NIOCore
import SessionKernel

/// A request that was framed and has not got its answer's end.
struct OpenRequest {
    let id: ExchangeID
    let parsed: ParsedRequest
    /// The target's end and the fields' start in the command's bytes.
    var targetEnd = 0
    var fieldsStart = 0
    var hasQuery = false
    /// Where the body starts in the command's bytes.
    var bodyStart = 0
    /// How its body goes on.
    var framing = BodyFraming.none
    /// Parts of the body behind the command, framed and passed on.
    var partsFramed = 0
    var partsSubmitted = 0
    /// The body has been framed to its end.
    var isWhole = false

    var preference: RequestPreference { RequestPreference(parsed.head.block) }
    var isHead: Bool { parsed.head.method == "HEAD" }
    var version: Int { parsed.head.version }
    /// Where the connection lies for the client; nil under a host of its own.
    var prefix: String? { parsed.isByPath ? "/" + parsed.connection : nil }
    /// All of it has gone to the target.
    var isSent: Bool { isWhole && partsFramed == partsSubmitted }
    /// The client's connection may serve another request after it.
    var keepsClient: Bool { parsed.head.keepsAlive && isWhole && parsed.head.webSocket == nil }
}
