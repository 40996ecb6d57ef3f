import GatewayCore

/// The one form of tar header that an evidence bundle has: POSIX ustar, a plain file, owner and times zero.
enum EvidenceTar {
    static let block = 512
    /// What eleven octal digits hold.
    static let maximumSize: UInt64 = 1 << 33 - 1

    /// Nil when name or size do not fit.
    static func header(_ name: String, size: UInt64) -> [UInt8]? {
        guard (1...100).contains(name.utf8.count), size <= maximumSize else { return nil }
        var header = [UInt8](repeating: 0, count: block)
        func put(_ text: some Collection<UInt8>, at place: Int) {
            header.replaceSubrange(place..<(place + text.count), with: text)
        }
        put(Array(name.utf8), at: 0)
        put(Array("0000644".utf8), at: 100)
        put(Array("0000000".utf8), at: 108)
        put(Array("0000000".utf8), at: 116)
        put(octal(size, digits: 11), at: 124)
        put(octal(0, digits: 11), at: 136)
        put(Array("        ".utf8), at: 148)
        put(Array("0".utf8), at: 156)
        put(Array("ustar".utf8), at: 257)
        put(Array("00".utf8), at: 263)
        let sum = header.reduce(0) { $0 + UInt64($1) }
        put(octal(sum, digits: 6) + [0], at: 148)
        return header
    }

    /// Zeros that fill a file's last block.
    static func padding(_ size: UInt64) -> Int { Int((512 - size & 511) & 511) }

    private static func octal(_ number: UInt64, digits: Int) -> [UInt8] {
        (0..<digits).map { UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number >> UInt64(3 * (digits - 1 - $0)) & 7) }
    }
}

/// Reads a bundle's files one after the other. What is not in the one form is a problem; nothing is unpacked.
struct EvidenceReader {
    struct Member {
        var name: String
        var size: UInt64
        /// Where its bytes start.
        var offset: UInt64
    }

    private let file: any LogFile
    private let end: UInt64
    private var offset: UInt64 = 0
    /// The next file, when it was looked at already.
    private var ahead: Member?

    init(_ file: any LogFile) throws(LedgerProblem) {
        self.file = file
        do throws(StorageFailure) { end = try file.size() } catch {
            throw LedgerProblem(.bundle, "cannot be read (error \(error.number))")
        }
    }

    /// The next file's name without passing it; nil at the end, which must be the archive's.
    mutating func peek() throws(LedgerProblem) -> String? {
        if ahead == nil { ahead = try read() }
        return ahead?.name
    }

    mutating func next() throws(LedgerProblem) -> Member? {
        defer { ahead = nil }
        if let ahead { return ahead }
        return try read()
    }

    private mutating func read() throws(LedgerProblem) -> Member? {
        let header = try bytes(at: offset, count: EvidenceTar.block)
        if header.allSatisfy({ $0 == 0 }) {
            let rest = try bytes(at: offset + UInt64(EvidenceTar.block), count: EvidenceTar.block)
            guard rest.allSatisfy({ $0 == 0 }), end - offset == UInt64(2 * EvidenceTar.block) else {
                throw LedgerProblem(.bundle, "something follows its end")
            }
            return nil
        }
        let name = String(validating: header.prefix(100).prefix { $0 != 0 }, as: UTF8.self)
        let size = header[124..<135].reduce(UInt64(0)) { $0 << 3 | UInt64($1 & 7) }
        // Made again, the header must be the same, bit for bit.
        guard let name, EvidenceTar.header(name, size: size) == header else {
            throw LedgerProblem(.bundle, "the tar header at byte \(offset) is not in an evidence bundle's form")
        }
        let member = Member(name: name, size: size, offset: offset + UInt64(EvidenceTar.block))
        let padding = EvidenceTar.padding(size)
        // At most 2^33 each, so there is no overflow.
        let after = member.offset + size + UInt64(padding)
        guard after <= end, try bytes(at: member.offset + size, count: padding).allSatisfy({ $0 == 0 }) else {
            throw LedgerProblem(.bundle, "is cut, or not filled with zeros", file: name)
        }
        offset = after
        return member
    }

    /// A whole file of at most `limit` bytes.
    func contents(of member: Member, atMost limit: Int) throws(LedgerProblem) -> [UInt8] {
        guard member.size <= UInt64(limit) else {
            throw LedgerProblem(.bundle, "has \(member.size) bytes, more than \(limit)", file: member.name)
        }
        return try bytes(at: member.offset, count: Int(member.size))
    }

    /// Calls `body` with the file's bytes in pieces of bounded length.
    func stream(_ member: Member, _ body: ([UInt8]) -> Void) throws(LedgerProblem) {
        var done: UInt64 = 0
        while done < member.size {
            let count = Int(min(1 << 18, member.size - done))
            body(try bytes(at: member.offset + done, count: count))
            done += UInt64(count)
        }
    }

    private func bytes(at offset: UInt64, count: Int) throws(LedgerProblem) -> [UInt8] {
        do throws(StorageFailure) {
            let found = try file.read(count, at: offset)
            if found.count == count { return found }
        } catch {
            throw LedgerProblem(.bundle, "cannot be read (error \(error.number))")
        }
        throw LedgerProblem(.bundle, "ends early, at byte \(end)")
    }
}
