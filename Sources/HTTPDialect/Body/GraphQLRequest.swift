import AccessPolicy
import HTTPContent

/// Which GraphQL operations a request may have run, wherever servers look for them (GraphQL over HTTP): `query` and
/// `operationName` in JSON, in a list of such objects, in the URL, in a form; `operations` of a multipart upload; a body of
/// `application/graphql`. Where more than one place says something, all of it may run.
struct GraphQLRequest {
    /// One entry of a batch.
    private struct Entry {
        var documents: [[UInt8]] = []
        var names: Set<String> = []
        /// Names were given that are none: which operation is meant cannot be told.
        var isVague = false
    }

    private static let mostEntries = 1000

    private var entries: [Entry] = []
    /// What the URL says.
    private var url = Entry()

    init(_ parsed: ParsedRequest) {
        for parameter in parsed.requestQuery?.parameters ?? [] {
            switch Self.key(parameter.name) {
            case "query": url.documents.append(parameter.value)
            case "operationname": url.names.insert(String(decoding: parameter.value, as: UTF8.self))
            default: continue
            }
        }
    }

    /// As servers compare that take no notice of case.
    private static func key(_ name: [UInt8]) -> String {
        BodyName.folded(String(decoding: name, as: UTF8.self)).lowercased()
    }

    mutating func add(_ content: JudgedBody.Content) throws(ContentFault) {
        switch content {
        case .graphQL(let text): entries.append(Entry(documents: [text]))
        case .json(let bytes, let isLines): try add(bytes, isLines: isLines)
        case .form(let fields):
            var entry = Entry()
            for field in fields {
                switch Self.key(Array(field.name.utf8)) {
                case "query": entry.documents.append(field.value)
                case "operationname": entry.names.insert(String(decoding: field.value, as: UTF8.self))
                case "operations": try add(field.value, isLines: false)
                default: continue
                }
            }
            if entries.isEmpty || !entry.documents.isEmpty { entries.append(entry) }
        }
    }

    /// Objects, and lists of objects, at the root.
    private mutating func add(_ bytes: [UInt8], isLines: Bool) throws(ContentFault) {
        var reader = JSONTokenReader(bytes, isLines: isLines)
        var brackets: [JSONTokenReader.Token] = []
        var key = ""
        var entry = Entry()
        while let token = try reader.token() {
            let isMember = brackets == [.beginObject] || brackets == [.beginArray, .beginObject]
            switch token {
            case .key(let name):
                key = isMember ? Self.key(reader.text(name)) : ""
                continue
            case .beginObject, .beginArray:
                if isMember { try Self.refuse(key, &entry) }
                guard token == .beginObject || brackets != [.beginArray] else { throw Self.noDocument }
                brackets.append(token)
                if token == .beginObject, brackets.count == 1 || brackets == [.beginArray, .beginObject] {
                    entry = Entry()
                }
                continue
            case .endObject:
                brackets.removeLast()
                guard brackets.isEmpty || brackets == [.beginArray] else { continue }
                guard entries.count < Self.mostEntries else {
                    throw ContentFault(.tooLarge, "The batch has more than \(Self.mostEntries) entries.")
                }
                entries.append(entry)
                continue
            case .endArray:
                brackets.removeLast()
                continue
            case .string(let text):
                if isMember, key == "query" { entry.documents.append(reader.text(text)) }
                if isMember, key == "operationname" {
                    entry.names.insert(String(decoding: reader.text(text), as: UTF8.self))
                }
            case .null:
                if isMember, key == "query" { try Self.refuse(key, &entry) }
            case .number, .bool: if isMember { try Self.refuse(key, &entry) }
            }
            if !isMember, brackets.count < 2 { throw Self.noDocument }
        }
    }

    /// What has to be a string is none.
    private static func refuse(_ key: String, _ entry: inout Entry) throws(ContentFault) {
        if key == "query" { throw noDocument }
        if key == "operationname" { entry.isVague = true }
    }

    /// - Parameter hasParameters: the URL has a query, which may ask for what the gateway does not know.
    func operations(hasParameters: Bool) throws(ContentFault) -> [GraphQLOperation] {
        var all = entries
        if all.isEmpty {
            guard hasParameters else { return [] }
            all = [Entry()]
        }
        var found: [GraphQLOperation] = []
        for entry in all {
            let texts = entry.documents + url.documents
            guard !texts.isEmpty else { throw Self.noDocument }
            let names = entry.names.union(url.names)
            let isPlain = texts.count == 1 && names.count <= 1 && !entry.isVague
            for text in texts {
                let document = try GraphQLDocument(text)
                let operations = isPlain ? document.operations(named: names.first) : document.operations
                found += operations.map {
                    GraphQLOperation(kind: $0.kind.rawValue, name: $0.name, fields: $0.fields)
                }
            }
        }
        return found
    }

    private static let noDocument = ContentFault(
        .malformed, "It holds no GraphQL document (one that the server keeps is not known here).")
}
