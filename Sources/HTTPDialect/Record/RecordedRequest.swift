import NIOCore

/// A request as the record holds it: what was judged, without what opens doors elsewhere.
enum RecordedRequest {
    private static let hidden = Array("[hidden]".utf8)

    static func text(of bytes: ByteBuffer, _ request: OpenRequest) -> [UInt8] {
        let all = Array(bytes.readableBytesView)
        var text: [UInt8] = []
        text.reserveCapacity(all.count)
        var lines = all[..<min(request.bodyStart, all.count)].split(separator: 0x0A)[...]
        if let line = lines.popFirst() {
            text += requestLine(line)
            text.append(0x0A)
        }
        for line in lines {
            let name = line.prefix { $0 != 0x3A }
            if isSecret(name) || FieldKind(name) == .cookie {
                text += name
                text += [0x3A, 0x20]
                text += hidden
                text.append(0x0D)
            } else {
                text += line
            }
            text.append(0x0A)
        }
        return text + all.dropFirst(request.bodyStart)
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
