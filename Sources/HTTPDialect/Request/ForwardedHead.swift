import AuditLedger
import NIOCore
import SessionKernel

/// The head of a request as the target gets it, without the target's credential.
struct ForwardedHead {
    var bytes = ByteBuffer()
    /// Offsets from the reader index: where the target ends in the request line, and where fields may be put in.
    private(set) var targetEnd = 0
    private(set) var fieldsStart = 0
    private(set) var hasQuery = false
    /// Where the body starts.
    private(set) var fieldsEnd = 0

    /// - Parameter maskedAnswer: masks look into the answer: it must come whole, and needs no coding.
    init(
        _ request: ParsedRequest, terms: SessionTerms, isTLS: Bool, framing: BodyFraming, maskedAnswer: Bool = false
    ) {
        let (head, place) = (request.head, terms.targetPlace)
        bytes.writeString(head.method)
        bytes.writeStaticString(" ")
        bytes.writeString(place.path)
        bytes.writeBytes(request.requestPath.encoded)
        let query = Self.query(request, place.credential)
        if let query {
            hasQuery = true
            bytes.writeStaticString("?")
            bytes.writeBytes(query)
        }
        targetEnd = bytes.readableBytes
        bytes.writeStaticString(" HTTP/1.1\r\nHost: ")
        bytes.writeString(place.authority)
        bytes.writeStaticString("\r\n")
        fieldsStart = bytes.readableBytes
        writeFields(head, place, maskedAnswer: maskedAnswer)
        if maskedAnswer { bytes.writeStaticString("Accept-Encoding: identity\r\n") }
        writeOrigin(request, terms, isTLS: isTLS)
        head.webSocket?.write(into: &bytes)
        switch framing {
        case .length(let length):
            bytes.writeStaticString("Content-Length: ")
            bytes.writeString(String(length))
            bytes.writeStaticString("\r\n")
        case .chunked: bytes.writeStaticString("Transfer-Encoding: chunked\r\n")
        case .none where !["GET", "HEAD", "DELETE", "OPTIONS"].contains(head.method):
            // RFC 9110 section 8.6: a method that expects content says that there is none.
            bytes.writeStaticString("Content-Length: 0\r\n")
        case .none, .untilClose: break
        }
        bytes.writeStaticString("\r\n")
        fieldsEnd = bytes.readableBytes
    }

    /// Fields that go on as they came: none that are for the gateway or between neighbours only.
    private mutating func writeFields(
        _ head: RequestHead, _ place: TargetPlace, maskedAnswer: Bool
    ) {
        let listed = head.block.all(.connection).flatMap(listElements).map { $0.map(Octets.lower) }
        var credentialField: [UInt8]?
        if case .header(let name) = place.credential { credentialField = name.utf8.map(Octets.lower) }
        for field in head.block.fields {
            switch field.kind {
            case .connection, .hopByHop, .te, .upgrade, .transferEncoding, .contentLength, .host, .expect,
                .authorization, .apiKey, .gatewayToken, .forwarding, .via, .webSocket:
                continue
            case .partOrCoding: if maskedAnswer { continue }
            default: break
            }
            let name = head.block.name(field)
            if !listed.isEmpty || credentialField != nil {
                let lowered = name.map { Octets.lower($0 == 0x5F ? 0x2D : $0) }
                guard !listed.contains(name.map(Octets.lower)), lowered != credentialField else { continue }
            }
            write(name, head.block.value(field))
        }
    }

    private mutating func write(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
        bytes.writeBytes(name)
        bytes.writeStaticString(": ")
        bytes.writeBytes(value)
        bytes.writeStaticString("\r\n")
    }

    /// Where the request came from, in the gateway's own words.
    private mutating func writeOrigin(_ request: ParsedRequest, _ terms: SessionTerms, isTLS: Bool) {
        bytes.writeStaticString("X-Forwarded-For: ")
        bytes.writeString(Self.host(of: terms.context.clientAddress))
        bytes.writeStaticString("\r\nX-Forwarded-Proto: ")
        bytes.writeStaticString(isTLS ? "https" : "http")
        if !request.head.authority.isEmpty {
            bytes.writeStaticString("\r\nX-Forwarded-Host: ")
            bytes.writeBytes(request.head.authority)
        }
        if request.isByPath {
            bytes.writeStaticString("\r\nX-Forwarded-Prefix: /")
            bytes.writeString(request.connection)
        }
        bytes.writeStaticString("\r\nVia: ")
        for value in request.head.block.all(.via) {
            bytes.writeBytes(value)
            bytes.writeStaticString(", ")
        }
        bytes.writeStaticString("1.1 sallyport\r\n")
    }

    private static func host(of address: String) -> String {
        let host = address.lastIndex(of: ":").map { address[..<$0] } ?? address[...]
        return String(host.drop { $0 == "[" }.prefix { $0 != "]" })
    }

    /// Without the parameter that the target's credential goes into.
    private static func query(_ request: ParsedRequest, _ credential: TargetCredential.Form) -> [UInt8]? {
        guard let query = request.requestQuery else { return nil }
        guard case .query(let name) = credential else { return query.encoded }
        let own = Array(name.utf8)
        let kept = zip(query.encoded.split(separator: 0x26), query.parameters).filter { $1.name != own }.map(\.0)
        return kept.isEmpty ? nil : Array(kept.joined(separator: [0x26]))
    }
}
