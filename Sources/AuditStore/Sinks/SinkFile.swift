import AuditLedger
import Crypto
import GatewayCore

/// A file that a sink appends lines to, and the numbered files it was before.
///
/// Order: bytes durable → file's name durable → cursor durable (by the caller). So the cursor never says more than the file
/// holds, and what the file holds beyond the cursor is cut off when it is opened: no torn line, no line twice. Not Sendable;
/// after an error it is thrown away and made again from the cursor, which rewrites all that was not durable for certain.
package struct SinkFile {
    package struct Rotation: Sendable, Hashable {
        /// Bytes after which the file is closed and numbered.
        package var size: UInt64
        /// Numbered files that are kept.
        package var keep: Int

        package init(size: UInt64, keep: Int) {
            self.size = size
            self.keep = keep
        }
    }

    /// Bytes that `SinkFilePlace.tail` covers.
    private static let tailLength = 1024

    private let storage: any LogStorage
    private let name: String
    private let rotation: Rotation
    private var file: any LogFile
    /// The name of the file that is written is not durable yet.
    private var isNew: Bool
    private var lastBytes: [UInt8]
    package private(set) var place: SinkFilePlace
    /// The file was not as it was left, so that nothing of it was cut.
    package private(set) var wasReplaced = false

    /// Opens the file as `place` left it, cutting what lies beyond; makes it when absent. `storage` is the folder that the
    /// file lies in, `path` its absolute path.
    ///
    /// A file that is not the one left (never seen, or exchanged by somebody) is appended to as it is.
    package init(
        storage: any LogStorage, path: String, rotation: Rotation, at place: SinkFilePlace?
    ) throws(StorageFailure) {
        self.storage = storage
        self.rotation = rotation
        let name = path.split(separator: "/").last.map(String.init) ?? path
        self.name = name
        let old = place.flatMap { $0.path == path ? $0 : nil }
        let numbers = try Self.numbers(storage, name)
        // Also when it is there: a crash may have come before its name was durable.
        isNew = true
        if let old, numbers.contains(old.generation),
            try Self.isOurs(old, storage.open("\(name).\(old.generation)", create: false))
        {
            // A crash came between the rotation and its cursor: whatever was written since is not accounted for.
            file = try storage.open(name, create: true)
            try file.truncate(0)
            self.place = Self.empty(path, old.generation + 1)
            lastBytes = []
            return
        }
        file = try storage.open(name, create: true)
        if let old, try Self.isOurs(old, file) {
            try file.truncate(old.length)
            self.place = old
            if numbers.contains(old.generation) { self.place.generation = (numbers.max() ?? 0) + 1 }
            lastBytes = try Self.tail(of: file, old.length)
            return
        }
        wasReplaced = old != nil
        var length = try file.size()
        // Somebody's last line must not run into our first.
        if length > 0, try file.read(1, at: length - 1) != [0x0A] {
            try file.write([0x0A], at: length)
            length += 1
        }
        lastBytes = try Self.tail(of: file, length)
        // Numbers only grow: no file of an earlier life is overwritten.
        let generation = max(old?.generation ?? 0, numbers.max() ?? 0) + 1
        self.place = SinkFilePlace(
            path: path, generation: generation, length: length, tail: Array(SHA256.hash(data: lastBytes)))
    }

    private static func empty(_ path: String, _ generation: UInt64) -> SinkFilePlace {
        SinkFilePlace(path: path, generation: generation, length: 0, tail: Array(SHA256.hash(data: [UInt8]())))
    }

    private static func tail(of file: any LogFile, _ length: UInt64) throws(StorageFailure) -> [UInt8] {
        let count = min(length, UInt64(tailLength))
        return try file.read(Int(count), at: length - count)
    }

    private static func isOurs(_ place: SinkFilePlace, _ file: any LogFile) throws(StorageFailure) -> Bool {
        guard try file.size() >= place.length else { return false }
        return Array(SHA256.hash(data: try tail(of: file, place.length))) == place.tail
    }

    /// Numbers of the rotated files.
    private static func numbers(_ storage: any LogStorage, _ name: String) throws(StorageFailure) -> [UInt64] {
        try storage.list("").compactMap { other in
            guard other.hasPrefix(name + ".") else { return nil }
            let digits = other.dropFirst(name.count + 1)
            guard let number = UInt64(digits), number > 0, String(number) == digits, number < UInt64(Int64.max) else {
                return nil
            }
            return number
        }
    }

    // MARK: Writing

    /// Appends the lines, each with its newline, after a rotation when they would make the file too long; they are durable
    /// when it returns. `place` is then what the cursor must say.
    package mutating func append(_ lines: [[UInt8]]) throws(StorageFailure) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(lines.reduce(0) { $0 + $1.count + 1 })
        for line in lines {
            bytes += line
            bytes.append(0x0A)
        }
        if place.length > 0, place.length + UInt64(bytes.count) > rotation.size { try rotate() }
        try file.write(bytes, at: place.length)
        try file.sync()
        // Content before name: a name that leads to a file without its content would be worse than none.
        if isNew { try storage.syncDirectory("") }
        isNew = false
        place.length += UInt64(bytes.count)
        lastBytes = Array((lastBytes + bytes.suffix(Self.tailLength)).suffix(Self.tailLength))
        place.tail = Array(SHA256.hash(data: lastBytes))
    }

    /// The file is durable up to `place`, so its new name may be made durable; only then is another file begun, so that after a
    /// crash the numbered file tells that the one beside it was not accounted for.
    private mutating func rotate() throws(StorageFailure) {
        try storage.rename(name, to: "\(name).\(place.generation)")
        try storage.syncDirectory("")
        file = try storage.open(name, create: true)
        isNew = true
        lastBytes = []
        place = Self.empty(place.path, place.generation + 1)
        let kept = UInt64(rotation.keep)
        for number in try Self.numbers(storage, name) where number + kept < place.generation {
            try storage.remove("\(name).\(number)")
        }
    }
}
