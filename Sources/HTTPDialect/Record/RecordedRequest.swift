import DataMasking
import HTTPContent
import NIOCore

/// A request as the record holds it: what was judged, without what opens doors elsewhere.
enum RecordedRequest {
    private static let hidden = Array("[hidden]".utf8)

    /// - Parameter mask: what is hidden, whatever way the mask is about: nil for nothing more.
    static func text(of bytes: ByteBuffer, _ request: OpenRequest, _ mask: ContentMask?) -> [UInt8] {
        let all = Array(bytes.readableBytesView)
        var body = Array(all.dropFirst(request.bodyStart))
        let shown = mask.flatMap { MaskedRequestBody.of(body, request, $0) }
        if let shown { body = shown }
        var text: [UInt8] = []
        text.reserveCapacity(all.count)
        var lines = all[..<min(request.bodyStart, all.count)].split(separator: 0x0A)[...]
        if let line = lines.popFirst() {
            text += requestLine(mask.map { masked(line, request, $0)[...] } ?? line)
            text.append(0x0A)
        }
        for line in lines {
            let name = line.prefix { $0 != 0x3A }
            if shown != nil, let fields = MaskedRequestBody.field(name, length: body.count) {
                text += fields
                continue
            }
            if isSecret(name) || FieldKind(name) == .cookie {
                text += name
                text += [0x3A, 0x20]
                text += hidden
                text.append(0x0D)
            } else if let mask,
                let value = FieldMask.masked(trimmed(line.dropFirst(name.count + 1).dropLast()), of: name, mask)
            {
                text += name
                text += [0x3A, 0x20]
                text += value
                text.append(0x0D)
            } else {
                text += line
            }
            text.append(0x0A)
        }
        return text + body
    }

    /// The request line with what masks are about hidden in its path and its query.
    private static func masked(
        _ line: ArraySlice<UInt8>, _ request: OpenRequest, _ mask: ContentMask
    ) -> [UInt8] {
        let words = line.split(separator: 0x20)
        guard words.count == 3 else { return Array(line) }
        let path = words[1].prefix { $0 != 0x3F }
        var target = Array(
            path.split(separator: 0x2F, omittingEmptySubsequences: false).map { masked(segment: $0, mask) }
                .joined(separator: [0x2F]))
        if let mark = words[1].firstIndex(of: 0x3F) {
            let query = Array(words[1][(mark + 1)...])
            target += [0x3F] + ((try? FormMask.masked(query, mask)) ?? query)
        }
        return Array(words[0]) + [0x20] + target + [0x20] + Array(words[2])
    }

    /// A segment stays as it is where nothing is found in it.
    private static func masked(segment: ArraySlice<UInt8>, _ mask: ContentMask) -> [UInt8] {
        var decoded: [UInt8] = []
        var rest = segment
        while let byte = rest.popFirst() {
            guard byte == 0x25, let high = rest.popFirst().flatMap(Octets.hexadecimal),
                let low = rest.popFirst().flatMap(Octets.hexadecimal)
            else {
                decoded.append(byte)
                continue
            }
            decoded.append(high << 4 | low)
        }
        return mask.masked(decoded, name: "", by: nil).map(RequestPath.encode) ?? Array(segment)
    }

    /// With the values of query parameters hidden that are named like secrets.
    private static func requestLine(_ line: ArraySlice<UInt8>) -> [UInt8] {
        guard let mark = line.firstIndex(of: 0x3F),
            let end = line[mark...].firstIndex(of: 0x20)
        else { return Array(line) }
        let pairs = line[(mark + 1)..<end].split(separator: 0x26, omittingEmptySubsequences: false).map { pair in
            let name = pair.prefix { $0 != 0x3D }
            return isSecret(name) && pair.contains(0x3D) ? Array(name) + [0x3D] + hidden : Array(pair)
        }
        return Array(line[...mark]) + Array(pairs.joined(separator: [0x26])) + Array(line[end...])
    }

    private static let words: [[UInt8]] = [
        "token", "secret", "password", "passwd", "api-key", "apikey", "api_key", "auth", "signature", "credential",
        "session", "jwt",
    ].map { Array($0.utf8) }

    static func isSecret(_ name: ArraySlice<UInt8>) -> Bool {
        let lowered = name.map(Octets.lower)
        return words.contains { word in
            lowered.count >= word.count
                && (0...(lowered.count - word.count)).contains { lowered[$0..<($0 + word.count)].elementsEqual(word) }
        }
    }
}
