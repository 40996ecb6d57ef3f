import AccessPolicy
import HTTPContent

/// All values of a body in their order, each with its path; bounded.
struct BodyFields {
    static let hidden = "[hidden]"
    static let most = 1000
    static let longest = 1000

    private(set) var list: [RequestOutline.Field] = []
    private(set) var isCut = false

    private struct Frame {
        let isObject: Bool
        /// Up to here.
        let path: String
        let isSecret: Bool
        var count = 0
    }

    /// Errors: what the readers throw; what was found until then stays.
    mutating func add(_ content: JudgedBody.Content) throws(ContentFault) {
        switch content {
        case .json(let bytes, let isLines): try add(bytes, isLines: isLines)
        case .form(let fields):
            for field in fields {
                let value = String(validating: field.value, as: UTF8.self)
                put(
                    "$" + Self.step(field.name), .text(value ?? "[\(field.value.count) bytes]"),
                    isSecret: Self.isSecret(field.name))
            }
        case .graphQL: break
        }
    }

    private mutating func add(_ bytes: [UInt8], isLines: Bool) throws(ContentFault) {
        var reader = JSONTokenReader(bytes, isLines: isLines)
        var frames: [Frame] = []
        var name = ""
        while let token = try reader.token() {
            switch token {
            case .key(let text):
                name = list.count < Self.most ? String(decoding: reader.text(text), as: UTF8.self) : ""
                continue
            case .endObject, .endArray:
                frames.removeLast()
                continue
            default: break
            }
            var (path, isSecret) = ("$", false)
            if let frame = frames.last, list.count < Self.most {
                path = frame.path + (frame.isObject ? Self.step(name) : "[\(frame.count)]")
                isSecret = frame.isSecret || frame.isObject && Self.isSecret(name)
            }
            if !frames.isEmpty { frames[frames.count - 1].count += 1 }
            switch token {
            case .beginObject: frames.append(Frame(isObject: true, path: path, isSecret: isSecret))
            case .beginArray: frames.append(Frame(isObject: false, path: path, isSecret: isSecret))
            case .string(let text):
                put(path, .text(String(decoding: reader.text(text), as: UTF8.self)), isSecret: isSecret)
            case .number(let range):
                put(path, .number(String(decoding: reader.bytes[range], as: UTF8.self)), isSecret: isSecret)
            case .bool(let flag): put(path, .bool(flag), isSecret: isSecret)
            case .null: put(path, .null, isSecret: isSecret)
            case .key, .endObject, .endArray: continue
            }
        }
    }

    private mutating func put(_ path: String, _ value: RequestOutline.Value, isSecret: Bool) {
        guard list.count < Self.most, path.utf8.count <= 2 * Self.longest else {
            isCut = true
            return
        }
        var value = isSecret ? .text(Self.hidden) : value
        switch value {
        case .text(let text) where text.utf8.count > Self.longest:
            isCut = true
            value = .text(String(text.prefix(Self.longest / 4)))
        case .number(let text) where text.utf8.count > Self.longest:
            isCut = true
            value = .text(String(text.prefix(Self.longest)))
        default: break
        }
        list.append(RequestOutline.Field(path: path, value: value))
    }

    /// As a path of a guard writes it.
    private static func step(_ name: String) -> String {
        let isPlain =
            !name.isEmpty
            && name.utf8.allSatisfy { byte in
                byte == 0x5F || byte == 0x2D || byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26
            }
        return isPlain ? "." + name : ".\"\(name)\""
    }

    private static func isSecret(_ name: String) -> Bool { RecordedRequest.isSecret(Array(name.utf8)[...]) }
}
