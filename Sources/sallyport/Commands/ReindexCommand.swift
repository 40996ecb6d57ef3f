import ArgumentParser
import AuditStore
import CredentialVault
import Foundation
import GatewayConfiguration
import GatewayCore
import Synchronization

extension Audit {
    struct Reindex: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the search index again from the log and the recordings.",
            discussion:
                "Works on the data folder while no gateway runs on it. The old index stays until the new one is whole. Nothing of the record is changed."
        )

        @OptionGroup var file: ConfigOption
        @Flag(name: .long, help: "Print JSON.") var json = false

        func run() async throws {
            let configuration = try file.load()
            let began = ContinuousClock.now
            do throws(GatewayError) {
                let key = try configuration.vaultKey.load().derive(.sessionKeyWrapping)
                let bar = ProgressBar("reindex")
                try IndexRebuild(directory: configuration.data, vaultKey: key).run { bar.show($0) }
                bar.end()
            } catch {
                throw CommandFailure(error)
            }
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            if json { return Output.line("{\"seconds\":\(String(format: "%.1f", seconds)),\"state\":\"done\"}") }
            Output.line("The search index is made again (\(String(format: "%.1f", seconds)) s).")
        }
    }
}

/// One line on standard error that fills up; nothing where that is no terminal.
final class ProgressBar: Sendable {
    private static let width = 40
    private let name: String
    private let isShown = isatty(STDERR_FILENO) == 1
    private let last = Mutex(-1)

    init(_ name: String) {
        self.name = name
    }

    /// `share` is 0 to 1. Any thread may call it.
    func show(_ share: Double) {
        let percent = Int(min(max(share, 0), 1) * 100)
        guard isShown,
            last.withLock({ last in
                defer { last = percent }
                return last != percent
            })
        else { return }
        let full = percent * Self.width / 100
        let bar = String(repeating: "#", count: full) + String(repeating: "-", count: Self.width - full)
        FileHandle.standardError.write(Data("\r\(name) [\(bar)] \(percent) %".utf8))
    }

    /// Leaves a full bar behind.
    func end() {
        show(1)
        if isShown { FileHandle.standardError.write(Data("\n".utf8)) }
    }
}
