/// The parser's JSON answer as a flat table of nodes: one pass, no recursion, no strings made until asked for.
///
/// The answer is libpg_query's own output; it is still read with every bound checked, since hostile text is quoted in it.
struct ParseTree {
    private struct Entry {
        var keyStart: UInt32
        var valueStart: UInt32
        var valueEnd: UInt32
        /// Index of the first entry that is no part of this one.
        var next: UInt32
        var keyLength: UInt16
        var isContainer: Bool
    }

    static let maximumBytes = 64 << 20
    static let maximumEntries = 2_000_000

    private let json: UnsafeRawBufferPointer
    private var entries: [Entry] = []

    /// `json` must outlive the tree. Nil: malformed, or over the bounds.
    init?(_ json: UnsafeRawBufferPointer) {
        guard json.count <= Self.maximumBytes else { return nil }
        self.json = json
        entries.reserveCapacity(json.count / 16)
        guard read() else { return nil }
    }

    private mutating func read() -> Bool {
        var open: [Int] = []
        var index = 0
        var keyStart = 0
        var keyLength = 0
        while index < json.count {
            let byte = json[index]
            switch byte {
            case 0x7b, 0x5b:
                open.append(entries.count)
                guard add(keyStart, keyLength, index, index, container: true) else { return false }
                keyLength = 0
                index += 1
            case 0x7d, 0x5d:
                guard let last = open.popLast() else { return false }
                entries[last].next = UInt32(entries.count)
                entries[last].valueEnd = UInt32(index + 1)
                index += 1
            case 0x2c, 0x3a, 0x20, 0x0a:
                index += 1
            case 0x22:
                guard let end = endOfString(index) else { return false }
                if end < json.count, json[end] == 0x3a {
                    keyStart = index + 1
                    keyLength = end - index - 2
                } else {
                    guard add(keyStart, keyLength, index, end, container: false) else { return false }
                    keyLength = 0
                }
                index = end
            default:
                var end = index
                while end < json.count, json[end] != 0x2c, json[end] != 0x7d, json[end] != 0x5d { end += 1 }
                guard add(keyStart, keyLength, index, end, container: false) else { return false }
                keyLength = 0
                index = end
            }
        }
        return open.isEmpty && !entries.isEmpty && Int(entries[0].next) == entries.count
    }

    private mutating func add(_ keyStart: Int, _ keyLength: Int, _ start: Int, _ end: Int, container: Bool) -> Bool {
        guard entries.count < Self.maximumEntries else { return false }
        entries.append(
            Entry(
                keyStart: UInt32(keyStart), valueStart: UInt32(start), valueEnd: UInt32(end),
                next: UInt32(entries.count + 1), keyLength: UInt16(clamping: keyLength), isContainer: container))
        return true
    }

    private func endOfString(_ start: Int) -> Int? {
        var index = start + 1
        while index < json.count {
            if json[index] == 0x5c {
                index += 2
            } else if json[index] == 0x22 {
                return index + 1
            } else {
                index += 1
            }
        }
        return nil
    }
}

// MARK: Reading

extension ParseTree {
    /// Index of the outermost object.
    static let root = 0

    func isContainer(_ node: Int) -> Bool { entries[node].isContainer }
    func isObject(_ node: Int) -> Bool { entries[node].isContainer && json[Int(entries[node].valueStart)] == 0x7b }

    /// First child of a container, or nil.
    func first(_ node: Int) -> Int? {
        entries[node].isContainer && node + 1 < Int(entries[node].next) ? node + 1 : nil
    }

    /// The next child of the same parent.
    func next(_ child: Int, of parent: Int) -> Int? {
        let index = Int(entries[child].next)
        return index < Int(entries[parent].next) ? index : nil
    }

    /// One past the last entry inside `node`.
    func end(_ node: Int) -> Int { Int(entries[node].next) }

    func key(_ node: Int, is name: StaticString) -> Bool {
        let entry = entries[node]
        guard Int(entry.keyLength) == name.utf8CodeUnitCount else { return false }
        for index in 0..<name.utf8CodeUnitCount where json[Int(entry.keyStart) + index] != name.utf8Start[index] {
            return false
        }
        return true
    }

    /// The key, which is the parser's own word and never the client's.
    func key(_ node: Int) -> Substring {
        let entry = entries[node]
        return Substring(
            String(decoding: json[Int(entry.keyStart)..<(Int(entry.keyStart) + Int(entry.keyLength))], as: UTF8.self))
    }

    /// Whether the entry is a typed node: those alone have capital keys.
    func hasTypeKey(_ node: Int) -> Bool {
        let entry = entries[node]
        guard entry.keyLength > 0 else { return false }
        let byte = json[Int(entry.keyStart)]
        return byte >= 0x41 && byte <= 0x5a
    }

    func child(_ node: Int, _ name: StaticString) -> Int? {
        var current = first(node)
        while let index = current {
            if key(index, is: name) { return index }
            current = next(index, of: node)
        }
        return nil
    }

    /// The single typed node that an untyped wrapper `{"SelectStmt": {…}}` holds.
    func unwrapped(_ node: Int) -> Int? {
        guard let inner = first(node), hasTypeKey(inner) else { return nil }
        return inner
    }

    func bool(_ node: Int, _ name: StaticString) -> Bool {
        guard let index = child(node, name) else { return false }
        return !entries[index].isContainer && json[Int(entries[index].valueStart)] == 0x74
    }

    /// Absent means 0, as in the parser's output.
    func integer(_ node: Int, _ name: StaticString) -> Int {
        guard let index = child(node, name), !entries[index].isContainer else { return 0 }
        return Int(String(decoding: json[Int(entries[index].valueStart)..<Int(entries[index].valueEnd)], as: UTF8.self))
            ?? 0
    }

    func string(_ node: Int, _ name: StaticString) -> String? {
        child(node, name).flatMap(string)
    }

    func string(_ node: Int) -> String? {
        let entry = entries[node]
        guard !entry.isContainer, json[Int(entry.valueStart)] == 0x22, entry.valueEnd - entry.valueStart >= 2 else {
            return nil
        }
        let bytes = json[Int(entry.valueStart + 1)..<Int(entry.valueEnd - 1)]
        guard bytes.contains(0x5c) else { return String(decoding: bytes, as: UTF8.self) }
        return String(decoding: unescaped(bytes), as: UTF8.self)
    }

    private func unescaped(_ bytes: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index] == 0x5c, index + 1 < bytes.endIndex else {
                result.append(bytes[index])
                index += 1
                continue
            }
            index += 2
            switch bytes[index - 1] {
            case 0x6e: result.append(0x0a)
            case 0x74: result.append(0x09)
            case 0x72: result.append(0x0d)
            case 0x62: result.append(0x08)
            case 0x66: result.append(0x0c)
            case 0x75:
                let end = min(index + 4, bytes.endIndex)
                // The parser escapes control characters only: always one byte.
                result.append(
                    UInt8(
                        truncatingIfNeeded: Int(String(decoding: bytes[index..<end], as: UTF8.self), radix: 16) ?? 0x3f)
                )
                index = end
            case let other: result.append(other)
            }
        }
        return result
    }
}
