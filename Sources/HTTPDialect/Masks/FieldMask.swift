import DataMasking

/// Masks on header fields: by the name of the field or the cookie, and detectors in what no standard speaks of.
enum FieldMask {
    /// Fields whose values are the protocol's own.
    private static let standard: Set<String> = [
        "accept", "accept-encoding", "accept-language", "accept-ranges", "age", "allow", "cache-control",
        "content-disposition", "content-encoding", "content-language", "content-length", "content-range",
        "content-type",
        "date", "etag", "expires", "grpc-accept-encoding", "grpc-encoding", "grpc-status", "grpc-timeout", "if-match",
        "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "pragma", "prefer",
        "range", "retry-after", "server", "traceparent", "tracestate", "vary",
    ]

    /// Nil for a value that stays as it is.
    static func masked(_ value: ArraySlice<UInt8>, of field: ArraySlice<UInt8>, _ mask: ContentMask) -> [UInt8]? {
        let name = field.map(Octets.lower)[...].text
        switch FieldKind(field) {
        case .cookie: return cookies(value, mask)
        case .setCookie: return cookie(value, mask)
        case .other, .location, .prefer, .contentType, .contentEncoding, .date: break
        default: return nil
        }
        if let method = mask.method(ofHeader: name) { return mask.masked(Array(value), name: name, by: method) }
        return standard.contains(name) ? nil : mask.masked(Array(value), name: name, by: nil)
    }

    /// `a=1; b=2` (RFC 6265 section 4.2.1).
    private static func cookies(_ value: ArraySlice<UInt8>, _ mask: ContentMask) -> [UInt8]? {
        let pairs = value.split(separator: 0x3B).map(trimmed)
        let masked = pairs.map { pair($0, mask) }
        guard masked.contains(where: { $0 != nil }) else { return nil }
        return Array(zip(pairs, masked).map { $1 ?? Array($0) }.joined(separator: [0x3B, 0x20]))
    }

    /// `a=1; Path=/` (section 4.1.1): the attributes stay.
    private static func cookie(_ value: ArraySlice<UInt8>, _ mask: ContentMask) -> [UInt8]? {
        let first = value.prefix { $0 != 0x3B }
        return pair(trimmed(first), mask).map { $0 + value.dropFirst(first.count) }
    }

    private static func pair(_ pair: ArraySlice<UInt8>, _ mask: ContentMask) -> [UInt8]? {
        let name = pair.prefix { $0 != 0x3D }
        guard name.count < pair.count else { return mask.masked(Array(pair), name: "", by: nil) }
        let value = Array(pair.dropFirst(name.count + 1))
        return mask.masked(value, name: name.text, by: mask.method(ofCookie: trimmed(name).text)).map {
            Array(name) + [0x3D] + $0
        }
    }
}
