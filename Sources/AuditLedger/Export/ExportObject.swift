/// A JSON object that is written member by member; what has no value is left out. Names are literals of the code.
struct ExportObject {
    private var writer = CanonicalWriter()

    init() {
        writer.byte(UInt8(ascii: "{"))
    }

    var json: [UInt8] { writer.bytes + [UInt8(ascii: "}")] }

    mutating func add(_ name: StaticString, _ text: String?) {
        guard let text else { return }
        begin(name)
        writer.string(text)
    }

    mutating func add(_ name: StaticString, _ number: Int64?) {
        guard let number else { return }
        begin(name)
        writer.integer(number)
    }

    mutating func add(_ name: StaticString, _ flag: Bool?) {
        guard let flag else { return }
        begin(name)
        writer.literal(flag ? "true" : "false")
    }

    mutating func add(_ name: StaticString, _ object: ExportObject?) {
        guard let object else { return }
        begin(name)
        writer.bytes += object.json
    }

    mutating func add(_ name: StaticString, objects: [ExportObject]) {
        begin(name)
        writer.byte(UInt8(ascii: "["))
        for (place, object) in objects.enumerated() {
            if place > 0 { writer.byte(UInt8(ascii: ",")) }
            writer.bytes += object.json
        }
        writer.byte(UInt8(ascii: "]"))
    }

    mutating func add(_ name: StaticString, texts: [String]) {
        guard !texts.isEmpty else { return }
        begin(name)
        writer.byte(UInt8(ascii: "["))
        for (place, text) in texts.enumerated() {
            if place > 0 { writer.byte(UInt8(ascii: ",")) }
            writer.string(text)
        }
        writer.byte(UInt8(ascii: "]"))
    }

    private mutating func begin(_ name: StaticString) {
        if writer.bytes.count > 1 { writer.byte(UInt8(ascii: ",")) }
        writer.byte(UInt8(ascii: "\""))
        writer.literal(name)
        writer.literal("\":")
    }

    /// Shorter to read where members are few.
    static func with(_ fill: (inout ExportObject) -> Void) -> ExportObject {
        var object = ExportObject()
        fill(&object)
        return object
    }
}
