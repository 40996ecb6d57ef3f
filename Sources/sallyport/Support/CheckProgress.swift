import AuditStore
import Foundation
import Glibc

/// How far a check has come, in one line of a terminal's standard error; nothing where that is no terminal.
final class CheckProgress {
    private static let width = 30
    private let isShown: Bool
    private var last = ContinuousClock.now - .seconds(1)

    init(isShown: Bool) {
        self.isShown = isShown && isatty(STDERR_FILENO) == 1
    }

    /// At most ten times a second.
    func show(_ progress: LedgerCheckProgress) {
        let now = ContinuousClock.now
        guard isShown, now - last >= .milliseconds(100) else { return }
        last = now
        let part = progress.total == 0 ? 1 : Double(progress.done) / Double(progress.total)
        let done = min(Self.width, Int(part * Double(Self.width)))
        let bar = String(repeating: "#", count: done) + String(repeating: ".", count: Self.width - done)
        write(
            "\r[\(bar)] \(Int(part * 100)) %  \(progress.stage.rawValue) \(progress.done) of \(progress.total)\u{1B}[K")
    }

    func clear() {
        if isShown { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
