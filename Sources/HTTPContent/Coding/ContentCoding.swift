/// A content coding that can be looked into (RFC 9110 section 8.4.1, RFC 7932).
package enum ContentCoding: String, Sendable, CaseIterable {
    case gzip
    case deflate
    case br

    /// Most codings on one content: nobody needs more, and each is memory and work.
    package static let most = 2

    /// The codings of all `Content-Encoding` fields, in the order they were applied; `identity` is none.
    ///
    /// - Returns: nil when one is not known here, or there are more than `most`: such content cannot be looked into.
    package static func list(_ fields: [String]) -> [ContentCoding]? {
        var codings: [ContentCoding] = []
        for field in fields {
            for part in field.split(separator: ",", omittingEmptySubsequences: true) {
                let name = part.drop { $0 == " " || $0 == "\t" }
                let end = name.lastIndex { $0 != " " && $0 != "\t" }
                guard let end else { continue }
                switch name[...end].lowercased() {
                case "gzip", "x-gzip": codings.append(.gzip)
                case "deflate": codings.append(.deflate)
                case "br": codings.append(.br)
                case "identity": break
                default: return nil
                }
            }
        }
        return codings.count <= most ? codings : nil
    }
}
