import DataMasking
import HTTPContent

/// Masks on the head of a request, put on before anything is judged: what guards see is what the target gets.
enum RequestMask {
    /// The request with its query and fields masked; its path stays.
    ///
    /// - Parameter isDecoded: the codings are taken off its body.
    static func head(
        _ request: ParsedRequest, _ mask: ContentMask, isDecoded: Bool, hosts: [String: String]
    ) throws(MalformedHTTP) -> ParsedRequest {
        let head = request.head
        var isChanged = false
        var target = Array(head.target)
        if let mark = target.firstIndex(of: 0x3F) {
            do throws(ContentFault) {
                if let query = try FormMask.masked(Array(target[(mark + 1)...]), mask) {
                    target = target[...mark] + query
                    isChanged = true
                }
            } catch {
                throw MalformedHTTP(error)
            }
        }
        var bytes = Array(head.method.utf8) + [0x20] + target + Array(" HTTP/1.\(head.version)\r\n".utf8)
        for field in head.block.fields {
            let (name, value) = (head.block.name(field), head.block.value(field))
            if isDecoded, field.kind == .contentEncoding || FieldKind.isDigest(name) {
                isChanged = true
                continue
            }
            let masked = FieldMask.masked(value, of: name, mask)
            isChanged = isChanged || masked != nil
            bytes += Array(name) + [0x3A, 0x20] + (masked ?? Array(value)) + [0x0D, 0x0A]
        }
        return isChanged ? try ParsedRequest(bytes + [0x0D, 0x0A], hosts: hosts) : request
    }

    /// How the body of a request is masked; nil when it is not. Errors: a body that masks cannot look into.
    static func body(_ request: ParsedRequest, _ mask: ContentMask) throws(MalformedHTTP) -> BodyMask? {
        guard request.head.framing != .none else { return nil }
        let block = request.head.block
        let plan = BodyMask.plan(
            contentType: block.first(.contentType), codings: block.all(.contentEncoding).map(\.text), mask)
        switch plan {
        case .pass: return nil
        case .mask(let body): return body
        case .replace, .deny: throw MalformedHTTP("masks cannot look into the request's body", status: 415)
        }
    }
}

extension MalformedHTTP {
    init(_ fault: ContentFault) {
        let message = fault.message.hasSuffix(".") ? String(fault.message.dropLast()) : fault.message
        self.init(
            "the request's body cannot be read: \(message.prefix(1).lowercased() + message.dropFirst())",
            status: fault.kind == .tooLarge ? 413 : 400)
    }
}
