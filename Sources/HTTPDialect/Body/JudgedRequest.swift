import AccessPolicy
import GatewayCore
import HTTPContent

/// A request as rules see it, its body with it.
struct JudgedRequest: RequestFacts {
    let parsed: ParsedRequest
    /// Nil: it has none.
    let body: JudgedBody?

    var method: String { parsed.method }
    var path: [[UInt8]] { parsed.path }
    func header(_ name: String) -> [[UInt8]] { parsed.header(name) }
    func query(_ name: String) -> [[UInt8]] { parsed.query(name) }

    func lookIntoBody(at path: JSONPath, _ look: (BodyValue) -> Bool) -> NotUnderstood? {
        if let fault = upgrade { return fault }
        guard let body else { return nil }
        return withoutActuallyEscaping(look) { look in
            let walk = BodyWalk(path, look)
            switch body.content() {
            case .failure(let fault): return fault
            case .success(.graphQL): return NotUnderstood(message: "it is GraphQL, which has no such fields")
            case .success(.json(let bytes, let isLines)):
                return Self.fault { () throws(ContentFault) in _ = try walk.run(bytes, isLines: isLines) }
            case .success(.form(let fields)):
                return Self.fault { () throws(ContentFault) in _ = try walk.run(fields) }
            }
        }
    }

    private static func fault(_ work: () throws(ContentFault) -> Void) -> NotUnderstood? {
        do throws(ContentFault) {
            try work()
            return nil
        } catch {
            return NotUnderstood(error)
        }
    }

    func graphQL() -> Result<[GraphQLOperation], NotUnderstood> {
        if let fault = upgrade { return .failure(fault) }
        var found = GraphQLRequest(parsed)
        switch body?.content() {
        case nil: break
        case .failure(let fault)?: return .failure(fault)
        case .success(let content)?:
            if let fault = Self.fault({ () throws(ContentFault) in try found.add(content) }) { return .failure(fault) }
        }
        do throws(ContentFault) {
            return .success(try found.operations(hasParameters: parsed.requestQuery != nil))
        } catch {
            return .failure(NotUnderstood(error))
        }
    }

    /// What goes over a connection that leaves HTTP no rule sees. Going on in HTTP/2 is what the gateway does not offer.
    private var upgrade: NotUnderstood? {
        let words = parsed.head.block.all(.upgrade).flatMap(listElements)
        guard words.contains(where: { !$0.isWord("h2c") && !$0.isWord("h2") }) else { return nil }
        return NotUnderstood(message: "what goes over an upgraded connection is not judged")
    }
}
