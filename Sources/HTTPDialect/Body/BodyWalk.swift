import AccessPolicy
import GatewayCore
import HTTPContent

/// Finds what stands in a body at a path.
struct BodyWalk {
    private struct Frame {
        let isObject: Bool
        let states: UInt64
        /// An array that the path names: its elements are what is meant.
        let isMeant: Bool
        var count = 0
    }

    private let path: JSONPath
    /// Places that its steps `[n]` name.
    private let places: Set<Int>
    private let hasElements: Bool
    private let look: (BodyValue) -> Bool

    init(_ path: JSONPath, _ look: @escaping (BodyValue) -> Bool) {
        self.path = path
        self.look = look
        let elements = path.steps.compactMap { if case .element(let place) = $0 { Optional(place) } else { nil } }
        hasElements = !elements.isEmpty
        places = Set(elements.map { $0 ?? 0 }).union([0])
    }

    // MARK: - JSON

    /// False when `look` has seen enough. Errors: what `JSONTokenReader` throws.
    func run(_ bytes: [UInt8], isLines: Bool) throws(ContentFault) -> Bool {
        try run(bytes, isLines: isLines, from: path.start)
    }

    private func run(_ bytes: [UInt8], isLines: Bool, from start: UInt64) throws(ContentFault) -> Bool {
        var reader = JSONTokenReader(bytes, isLines: isLines)
        var frames: [Frame] = []
        var member: UInt64 = 0
        while let token = try reader.token() {
            switch token {
            case .key(let name):
                member = 0
                if let states = frames.last?.states, states != 0 {
                    member = path.next(states, member: folded(reader.text(name)))
                }
                continue
            case .endObject:
                frames.removeLast()
                continue
            case .endArray:
                // To some targets a list with nothing in it is nothing.
                guard let frame = frames.popLast(), frame.isMeant, frame.count == 0, path.anyCase else { continue }
                if !look(.container) { return false }
                continue
            default: break
            }
            var (states, isMeant) = (start, false)
            if let frame = frames.last {
                if frame.isObject {
                    states = member
                } else {
                    states = path.next(frame.states, element: frame.count)
                    isMeant = frame.isMeant
                    frames[frames.count - 1].count += 1
                }
            }
            if token != .beginArray { states = widened(states) }
            isMeant = isMeant || path.isEnd(states)
            switch token {
            case .beginArray: frames.append(Frame(isObject: false, states: states, isMeant: isMeant))
            case .beginObject:
                if isMeant, !look(.container) { return false }
                frames.append(Frame(isObject: true, states: states, isMeant: false))
            default:
                if isMeant, let value = value(token, reader), !look(value) { return false }
            }
        }
        return true
    }

    private func value(_ token: JSONTokenReader.Token, _ reader: JSONTokenReader) -> BodyValue? {
        switch token {
        case .string(let text): .text(reader.text(text))
        case .number(let range): .number(Array(reader.bytes[range]))
        case .bool(let flag): .bool(flag)
        case .null: .null
        default: nil
        }
    }

    /// To some targets one value is a list of one.
    private func widened(_ states: UInt64) -> UInt64 {
        guard hasElements else { return states }
        var all = states
        while true {
            let more = all | path.next(all, element: 0)
            if more == all { return all }
            all = more
        }
    }

    private func folded(_ name: [UInt8]) -> String { folded(String(decoding: name, as: UTF8.self)) }

    private func folded(_ name: String) -> String { path.anyCase ? BodyName.folded(name) : name }

    // MARK: - Forms

    func run(_ fields: [FormField]) throws(ContentFault) -> Bool {
        for field in fields {
            for reading in path.anyCase ? field.readings : field.commonReadings where try !run(field, reading) {
                return false
            }
        }
        return true
    }

    private func run(_ field: FormField, _ reading: [FormField.Step]) throws(ContentFault) -> Bool {
        var states = path.start
        // The path names what the name has come to, or a list that it is in.
        var isMeant = false
        for step in reading {
            switch step {
            case .member(let name):
                if isMeant, !look(.container) { return false }
                states = path.next(states, member: folded(name))
                isMeant = path.isEnd(states)
            case .element(let place):
                states = (place.map { Set([$0]) } ?? places).reduce(0) { $0 | path.next(states, element: $1) }
                isMeant = isMeant || path.isEnd(states)
            }
        }
        // What says that it is JSON and is not may be something else to the target.
        if field.isJSON { return try run(field.value, isLines: false, from: states) }
        return isMeant || path.isEnd(widened(states)) ? look(.text(field.value)) : true
    }
}
