import Glibc

/// Secret bytes that do not print, mirror, encode or copy themselves, and are overwritten when the last reference goes.
///
/// `@unchecked Sendable` holds because the buffer is written in `init` only, is private, and is freed in `deinit`, when
/// nobody else can see it.
package final class Secret: @unchecked Sendable {
    private let bytes: UnsafeMutableRawBufferPointer

    package init(_ source: some Collection<UInt8>) {
        bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 1)
        bytes.copyBytes(from: source)
    }

    package convenience init(text: String) {
        self.init(text.utf8)
    }

    deinit {
        if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
        bytes.deallocate()
    }

    package var count: Int { bytes.count }

    /// Lends the bytes for the length of `body`; they must not be kept.
    package func withBytes<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result)
        throws(Failure) -> Result
    {
        try body(UnsafeRawBufferPointer(bytes))
    }

    /// Whether both hold the same bytes, in a time that depends on their lengths only.
    package static func == (one: Secret, other: Secret) -> Bool {
        guard one.count == other.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<one.count { difference |= one.bytes[index] ^ other.bytes[index] }
        return difference == 0
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private static let mark = "‹secret›"

    package var description: String { Self.mark }
    package var debugDescription: String { Self.mark }
    package var customMirror: Mirror {
        Mirror(self, children: [], displayStyle: .class, ancestorRepresentation: .suppressed)
    }
}
