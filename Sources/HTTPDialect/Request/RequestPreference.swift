import GatewayCore

/// What a client prefers (RFC 7240): how long it waits, and whether it would rather have an answer at once.
struct RequestPreference {
    /// Seconds; nil when it does not say.
    private(set) var wait: Int?
    private(set) var isAsynchronous = false

    init(_ block: FieldBlock) {
        for element in block.all(.prefer).flatMap(listElements) {
            let pair = trimmed(element.prefix { $0 != 0x3B })
            if pair.isWord("respond-async") { isAsynchronous = true }
            let name = trimmed(pair.prefix { $0 != 0x3D })
            let digits = trimmed(pair.dropFirst(pair.prefix { $0 != 0x3D }.count + 1)).filter { $0 != 0x22 }
            guard name.isWord("wait"), wait == nil, (1...9).contains(digits.count), digits.allSatisfy(Octets.isDigit)
            else { continue }
            wait = digits.reduce(0) { $0 * 10 + Int($1 &- 0x30) }
        }
    }

    /// Seconds that it waits for an approval.
    var patience: Int? { wait ?? (isAsynchronous ? 0 : nil) }

    private static let passing: Set<String> = [
        "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-prefix", "via", "prefer", "date",
        "traceparent", "tracestate", "baggage", "x-request-id", "x-correlation-id", "x-b3-traceid", "x-b3-spanid",
        "sec-websocket-key",
    ]

    /// Fields that differ from one sending of a request to the next and change nothing in what it asks for.
    static func isPassing(_ name: ArraySlice<UInt8>) -> Bool {
        passing.contains(String(decoding: name.map(Octets.lower), as: UTF8.self))
    }
}
