import AccessPolicy

/// What a policy service is told of an HTTP request, under `request` (docs/policy.md).
struct PolicyServiceRequest: Encodable {
    struct Field: Encodable {
        var path: String
        var value: RequestOutline.Value
    }

    struct Operation: Encodable {
        var operation: String
        var name: String?
        var fields: [String]
    }

    var method: String
    var path: String
    var query: [String: [String]]
    var headers: [String: [String]]
    var body: [Field]?
    var isBodyCut: Bool
    var bodyNotUnderstood: String?
    var graphql: [Operation]?

    init(_ outline: RequestOutline) {
        method = outline.method
        path = outline.path
        query = Self.lists(outline.query)
        headers = Self.lists(outline.headers)
        body = outline.body.map { $0.map { Field(path: $0.path, value: $0.value) } }
        isBodyCut = outline.isCut
        bodyNotUnderstood = outline.bodyNotUnderstood
        graphql = outline.graphQL.map {
            $0.map { Operation(operation: $0.kind, name: $0.name, fields: $0.fields) }
        }
    }

    private static func lists(_ pairs: [RequestOutline.Pair]) -> [String: [String]] {
        Dictionary(grouping: pairs, by: \.name).mapValues { $0.map(\.value) }
    }
}

extension RequestOutline.Value: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .bool(let flag): try container.encode(flag)
        case .null: try container.encodeNil()
        case .number(let text):
            // What would be rounded goes as it is written.
            if let whole = Int64(text) {
                try container.encode(whole)
            } else if let number = Double(text), number.isFinite, text.utf8.count <= 15 {
                try container.encode(number)
            } else {
                try container.encode(text)
            }
        }
    }
}
