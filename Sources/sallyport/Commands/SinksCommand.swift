import ArgumentParser
import AuditConsole
import AuditLedger
import AuditStore
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayServer

struct Sinks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how far the sinks have come, and what is wrong with those that do not deliver.",
        discussion: "Without a running gateway: how far they came before it stopped.")

    @OptionGroup var source: SourceOptions

    func run() async throws {
        let sinks = try await Source.read(source) { source in
            switch source {
            case .api(let client): try await client.all("/api/v1/sinks", [], of: SinkView.self)
            case .folder(let configuration): try Self.local(configuration)
            }
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(sinks), as: UTF8.self)) }
        if sinks.isEmpty { return Output.note("No sinks.") }
        Output.table(
            ["SINK", "KIND", "FORMAT", "STATE", "LAG", "DELIVERED", "ERRORS", "TARGET"],
            sinks.map {
                [
                    $0.name, $0.kind, $0.format, $0.state, Self.lag($0), String($0.delivered), String($0.errors),
                    $0.target,
                ]
            })
        for sink in sinks {
            guard let error = sink.lastError, let time = sink.lastErrorAt else { continue }
            Output.line(Output.safe("\(sink.name): last error at \(time.prefix(19))Z: \(error)"))
        }
    }

    private static func lag(_ sink: SinkView) -> String {
        guard sink.lagEntries > 0 else { return "0" }
        return sink.lagSeconds >= 1 ? "\(sink.lagEntries) (\(Int(sink.lagSeconds)) s)" : "\(sink.lagEntries)"
    }

    /// From the cursors and the last signed state.
    private static func local(_ configuration: Configuration) throws -> [SinkView] {
        let storage = PosixStorage(root: configuration.data)
        let ledger = SinkSource(offline: storage)
        do {
            return try configuration.sinks.map { sink in
                let cursor = try SinkCursors(storage: storage).load(sink.name)
                let status = SinkStatus(sink)
                let start = sink.start == .start ? ledger?.start : ledger?.end
                return SinkView(
                    name: status.name, kind: status.kind, format: status.format, target: status.target,
                    state: "stopped", next: cursor?.next ?? 0,
                    lagEntries: (cursor ?? start).flatMap { ledger?.pending(after: $0) } ?? 0)
            }
        } catch let error as GatewayError {
            throw CommandFailure(error)
        }
    }
}

extension SinkView {
    init(_ status: SinkStatus) {
        self.init(
            name: status.name, kind: status.kind, format: status.format, target: status.target,
            state: status.problem != nil ? "failing" : status.pending > 0 ? "behind" : "ok", next: status.next,
            lagEntries: status.pending, lagSeconds: (status.lagSeconds * 1000).rounded() / 1000,
            delivered: status.delivered, errors: status.errors, lastError: status.lastError,
            lastErrorAt: status.lastErrorAt?.description, lastDeliveryAt: status.lastDeliveryAt?.description)
    }
}
