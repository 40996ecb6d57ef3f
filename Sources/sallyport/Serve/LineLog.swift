import Foundation
import GatewayCore
import Identity
import Logging

/// One line per event on standard error: time, level, message, then metadata as key=value.
struct LineLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = "\(Timestamp.wall()) \(event.level) \(Output.safe("\(event.message)"))"
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            line += " \(key)=\"\(Output.safe("\(value)").replacing("\"", with: "'"))\""
        }
        if let error = event.error { line += " error=\"\(Output.safe("\(error)").replacing("\"", with: "'"))\"" }
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    static func makeLogger(level: String?) throws(CommandFailure) -> Logger {
        var chosen = Logger.Level.info
        if let level {
            guard let known = Logger.Level(rawValue: level.lowercased()) else {
                throw .usage(
                    "SALLYPORT_LOG must be one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")), not \(level)."
                )
            }
            chosen = known
        }
        var logger = Logger(label: "sallyport") { _ in LineLog() }
        logger.logLevel = chosen
        return logger
    }

    /// Libraries tell more than an operator wants at `info`.
    static func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return quiet
    }
}
