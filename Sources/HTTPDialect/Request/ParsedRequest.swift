import SessionKernel

/// A request taken apart: its head, its path and query in their one form, and who it is for.
struct ParsedRequest {
    let head: RequestHead
    /// Without the segment that names the connection.
    let requestPath: RequestPath
    let requestQuery: RequestQuery?
    let connection: String
    /// The connection is named by the path's first segment, not by the host.
    let isByPath: Bool

    /// - Parameter hosts: connections by the host that they are reached under, in small letters.
    init(_ bytes: [UInt8], hosts: [String: String]) throws(MalformedHTTP) {
        head = try RequestHead(bytes)
        let target = head.pathAndQuery
        let mark = target.firstIndex(of: 0x3F)
        let path = try RequestPath(target[..<(mark ?? target.endIndex)])
        requestQuery = if let mark { try RequestQuery(target[(mark + 1)...]) } else { nil }
        let host = head.authority.prefix { $0 != 0x3A }.map(Octets.lower)
        if !hosts.isEmpty, let name = hosts[String(decoding: host, as: UTF8.self)] {
            (connection, requestPath, isByPath) = (name, path, false)
        } else {
            guard let (name, rest) = path.droppingFirst() else {
                throw MalformedHTTP("the path's first segment must name a connection", status: 404)
            }
            connection = String(decoding: name, as: UTF8.self)
            (requestPath, isByPath) = (rest, true)
        }
    }

    var method: String { head.method }
    var path: [[UInt8]] { requestPath.segments }

    func header(_ name: String) -> [[UInt8]] {
        let bytes = Array(name.utf8)
        return head.block.fields.compactMap { field in
            let own = head.block.name(field)
            guard own.count == bytes.count, zip(own, bytes).allSatisfy({ Octets.lower($0) == $1 }) else { return nil }
            return Array(head.block.value(field))
        }
    }

    func query(_ name: String) -> [[UInt8]] {
        let bytes = Array(name.utf8)
        return (requestQuery?.parameters ?? []).filter { $0.name == bytes }.map(\.value)
    }
}
