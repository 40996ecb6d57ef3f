import AccessPolicy
import GatewayCore
import HTTPContent

extension JudgedRequest {
    /// What a policy service is told. Values are `[hidden]` where the record hides them, and under names like secrets.
    var outline: RequestOutline? {
        var outline = RequestOutline(
            method: method, path: "/" + path.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/"))
        outline.query = (parsed.requestQuery?.parameters ?? []).map { Self.pair($0.name[...], $0.value[...]) }
        for field in parsed.head.block.fields {
            switch field.kind {
            case .other, .contentType, .contentEncoding, .date, .prefer, .cookie, .upgrade:
                let block = parsed.head.block
                outline.headers.append(
                    Self.pair(
                        block.name(field).map(Octets.lower)[...], block.value(field), isCookie: field.kind == .cookie)
                )
            default: continue
            }
        }
        switch body?.content() {
        case nil, .success(.graphQL)?: break
        case .failure(let fault)?: outline.bodyNotUnderstood = fault.message
        case .success(let content)?:
            var fields = BodyFields()
            do throws(ContentFault) {
                try fields.add(content)
                (outline.body, outline.isCut) = (fields.list, fields.isCut)
            } catch {
                outline.bodyNotUnderstood = NotUnderstood(error).message
            }
        }
        if case .success(let operations) = graphQL(), !operations.isEmpty { outline.graphQL = operations }
        return outline
    }

    private static func pair(
        _ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>, isCookie: Bool = false
    ) -> RequestOutline.Pair {
        let isHidden = isCookie || RecordedRequest.isSecret(name)
        return RequestOutline.Pair(
            name: String(decoding: name, as: UTF8.self),
            value: isHidden ? BodyFields.hidden : String(decoding: value, as: UTF8.self))
    }
}
