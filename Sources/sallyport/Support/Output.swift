import AccessPolicy
import ArgumentParser
import Foundation
import Glibc
import Synchronization

/// Everything that is printed for people. Colour only on a terminal that wants it.
enum Output {
    enum Style: String {
        case bold = "1"
        case faint = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    static let isColoured: Bool = {
        let environment = ProcessInfo.processInfo.environment
        return isatty(STDOUT_FILENO) == 1 && environment["NO_COLOR"] == nil && environment["TERM"] != "dumb"
    }()

    private static let pending = Mutex<[UInt8]>([])
    /// The error that ended writing; nothing is written after it, so that what is there has no hole.
    private static let broken = Mutex<Int32?>(nil)

    static func line(_ text: String = "") {
        bytes(Array((text + "\n").utf8))
    }

    /// Written in large pieces; `flush` writes the rest. Whoever writes very much calls `mustBeWritten` now and then.
    static func bytes(_ bytes: [UInt8]) {
        let isFull = pending.withLock { pending in
            pending += bytes
            return pending.count >= 1 << 16
        }
        if isFull { flush() }
    }

    static func flush() {
        let bytes = pending.withLock { pending in
            defer { pending.removeAll(keepingCapacity: true) }
            return pending
        }
        guard broken.withLock({ $0 }) == nil else { return }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                write(STDOUT_FILENO, $0.baseAddress?.advanced(by: done), $0.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return broken.withLock { $0 = count < 0 ? errno : EIO } }
            done += count
        }
    }

    /// Throws when something could not be written. A reader that has gone (`| head`) wanted no more: then the command
    /// ends well.
    static func mustBeWritten() throws {
        guard let number = broken.withLock({ $0 }) else { return }
        if number == EPIPE { throw ExitCode.success }
        throw CommandFailure(
            "Standard output could not be written, so what was written is not complete: \(String(cString: strerror(number)))."
        )
    }

    static func error(_ text: String) {
        note("error: " + text)
    }

    static func note(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    static func styled(_ text: String, _ style: Style) -> String {
        isColoured ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Recorded text comes from clients and targets: what a terminal would act on, or show as nothing at all, is shown
    /// by its number and never sent.
    static func safe(_ text: some StringProtocol, keepingLines: Bool = false) -> String {
        VisibleText.safe(text, keepingLines: keepingLines)
    }

    /// Columns aligned by their widest cell; the last one is left ragged.
    static func table(_ header: [String], _ rows: [[String]], indent: String = "") {
        let cells = rows.map { $0.map { safe($0) } }
        let widths = header.indices.map { column in
            ([header] + cells).map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        func joined(_ row: [String]) -> String {
            var text = indent
            for (index, cell) in row.enumerated() {
                text +=
                    index == row.count - 1
                    ? cell : cell + String(repeating: " ", count: max(0, widths[index] - cell.count) + 2)
            }
            return text
        }
        line(styled(joined(header), .bold))
        for row in cells { line(joined(row)) }
    }
}
