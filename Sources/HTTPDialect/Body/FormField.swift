import HTTPContent
import NIOCore

/// A field of a form, with all that targets are known to take its name for.
struct FormField: Sendable {
    enum Step: Sendable {
        case member(String)
        /// Nil: the next one, `[]`.
        case element(Int?)
    }

    /// `user[role]` is a name as it stands, and for some the member `role` of `user`; so is `user.role`.
    let readings: [[Step]]
    /// Without those that only some have.
    let commonReadings: [[Step]]
    /// As it stands.
    let name: String
    let value: [UInt8]
    /// The part says that its value is JSON.
    let isJSON: Bool

    private static let deepest = 64

    init(name: String, value: [UInt8], isJSON: Bool = false) throws(ContentFault) {
        self.name = name
        self.value = value
        self.isJSON = isJSON
        guard Self.isPaired(name.utf8) else {
            throw ContentFault(.malformed, "The brackets in the name of a form's field are not paired.")
        }
        var readings = [[Step.member(name)]]
        if let parts = Self.parts(name, dots: false) { readings.append(parts) }
        commonReadings = readings
        if name.utf8.contains(UInt8(ascii: ".")), let parts = Self.parts(name, dots: true) { readings.append(parts) }
        guard readings.allSatisfy({ $0.count <= Self.deepest }) else {
            throw ContentFault(.tooLarge, "The name of a form's field nests too deep.")
        }
        self.readings = readings
    }

    /// Every bracket is closed before the next one opens, and nothing but another or a dot follows it.
    private static func isPaired(_ name: some Sequence<UInt8>) -> Bool {
        var (isOpen, isBehind) = (false, false)
        for byte in name {
            switch byte {
            case UInt8(ascii: "["):
                guard !isOpen else { return false }
                (isOpen, isBehind) = (true, false)
            case UInt8(ascii: "]"):
                guard isOpen else { return false }
                (isOpen, isBehind) = (false, true)
            default:
                guard !isBehind || byte == UInt8(ascii: ".") else { return false }
                isBehind = false
            }
        }
        return !isOpen
    }

    /// `a[b][0][]`; with `dots` `a.b[0]` too. Nil where there is nothing to take apart.
    private static func parts(_ name: String, dots: Bool) -> [Step]? {
        var pieces: [Substring] = []
        var rest = name[...]
        while !rest.isEmpty {
            if rest.first == "[", let close = rest.firstIndex(of: "]") {
                pieces.append(rest[rest.index(after: rest.startIndex)..<close])
                rest = rest[rest.index(after: close)...]
            } else {
                if dots, rest.first == "." { rest = rest.dropFirst() }
                let piece = rest.dropFirst(rest.first == "[" ? 1 : 0).prefix { $0 != "[" && !(dots && $0 == ".") }
                let end = piece.endIndex
                if !piece.isEmpty || !pieces.isEmpty { pieces.append(piece) }
                rest = rest[end...]
            }
        }
        guard let first = pieces.first, first != name else { return nil }
        return [.member(String(first))]
            + pieces.dropFirst().map { piece in
                if piece.isEmpty { return .element(nil) }
                return Int(piece).map { $0 >= 0 ? .element($0) : .member(String(piece)) } ?? .member(String(piece))
            }
    }

    static func urlEncoded(_ content: [UInt8]) throws(ContentFault) -> [FormField] {
        // Some split at semicolons too.
        guard !content.contains(UInt8(ascii: ";")) else {
            throw ContentFault(.malformed, "The form has a semicolon in it, which some readers split at.")
        }
        var fields: [FormField] = []
        for field in try URLEncodedForm.read(content) {
            let name = try text(field.name)
            _ = try text(field.value)
            fields.append(try FormField(name: name, value: field.value))
        }
        return fields
    }

    static func multipart(_ content: [UInt8], boundary: String) throws(ContentFault) -> [FormField] {
        var reader = try MultipartReader(boundary: boundary)
        var events: [MultipartReader.Event] = []
        var input = ByteBuffer(bytes: content)
        try reader.read(&input, into: &events)
        try reader.finish()
        var fields: [FormField] = []
        let parts = events.count { if case .begin = $0 { true } else { false } }
        // Careless readers split wherever it stands, and take what is outside for a part; nobody sends either.
        let found = places(of: Array("--\(boundary)".utf8), in: content)
        guard found.count == parts + 1, let first = found.first, let last = found.last,
            (content[..<first] + content[last...].dropFirst(boundary.utf8.count + 4)).allSatisfy({
                $0 == 0x0D || $0 == 0x0A
            })
        else { throw ContentFault(.malformed, "The form has bytes outside its parts, or its boundary in one.") }
        var part: (head: PartHead, value: [UInt8])?
        for event in events {
            switch event {
            case .frame: continue
            case .begin(let head): part = (head, [])
            case .content(let bytes): part?.value += Array(bytes.readableBytesView)
            case .end:
                guard let (head, value) = part else { continue }
                fields.append(try field(head, value))
                part = nil
            }
        }
        return fields
    }

    private static func places(of text: [UInt8], in content: [UInt8]) -> [Int] {
        var (found, rest) = ([Int](), content[...])
        while let start = rest.firstIndex(of: UInt8(ascii: "-")) {
            rest = rest[start...]
            if rest.starts(with: text) { found.append(start) }
            rest = rest.dropFirst()
        }
        return found
    }

    private static func field(_ head: PartHead, _ value: [UInt8]) throws(ContentFault) -> FormField {
        guard let name = head.name else { throw ContentFault(.malformed, "A part of the form has no name.") }
        guard head.isUTF8 else { throw ContentFault(.malformed, "A part of the form is not UTF-8.") }
        if head.filename == nil { _ = try text(value) }
        let isJSON = head.contentType.map { MediaType(name: $0).isJSON } ?? false
        return try FormField(name: name, value: value, isJSON: isJSON)
    }

    private static func text(_ bytes: [UInt8]) throws(ContentFault) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ContentFault(.malformed, "The form is not UTF-8.")
        }
        return text
    }
}
