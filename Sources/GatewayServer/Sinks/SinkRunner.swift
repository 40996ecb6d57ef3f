import AuditLedger
package import AuditStore
import Dispatch
import Foundation
package import GatewayConfiguration
package import GatewayCore
package import Logging
import Synchronization

/// Drives one sink: reads what is behind its cursor, hands it over, moves the cursor; again and again until it is stopped.
///
/// At least once: the cursor moves after the other side has the entries, never before. Nothing is dropped: what is refused is
/// offered again for ever. Memory is one batch and one bundle. It runs in a task of its own and shares nothing with recording
/// but the files of the ledger.
package final class SinkRunner: Sendable {
    private struct State {
        var status: SinkStatus
        var cursor: SinkCursor?
        /// When the first entry was made that is read and not delivered.
        var oldest: Timestamp?
        var nap: Task<Void, Never>?
        var isFinishing = false
    }

    private let configuration: SinkConfiguration
    private let source: SinkSource
    private let cursors: SinkCursors
    private let sender: any SinkSender
    private let logger: Logger
    private let now: @Sendable () -> Timestamp
    private let backOff: BackOff
    /// Seconds between two looks while there is nothing, and that entries are gathered for.
    private let wait: Double
    private let limits: SinkBatchLimits
    private let state: Mutex<State>
    private let task: Mutex<Task<Void, Never>?> = Mutex(nil)
    private let queue: DispatchQueue

    package init(
        _ configuration: SinkConfiguration, source: SinkSource, cursors: SinkCursors, sender: any SinkSender,
        logger: Logger, now: @escaping @Sendable () -> Timestamp, wait: Double? = nil, backOff: BackOff = BackOff()
    ) {
        self.configuration = configuration
        self.source = source
        self.cursors = cursors
        self.sender = sender
        self.logger = logger
        self.now = now
        self.backOff = backOff
        switch configuration.destination {
        case .file(let file):
            self.wait = wait ?? 1
            // A batch goes into one file.
            limits = SinkBatchLimits(events: 2000, bytes: min(1 << 20, file.size))
        case .https(let https):
            self.wait = wait ?? Double(https.wait)
            limits = SinkBatchLimits(events: https.events, bytes: https.bytes)
        }
        queue = DispatchQueue(label: "sallyport.sink")
        state = Mutex(State(status: SinkStatus(configuration)))
    }

    // MARK: Life

    package func start() {
        task.withLock { task in
            guard task == nil else { return }
            task = Task { await self.run() }
        }
    }

    /// Sends what is left, as long as that goes well, and ends. Cancelling the caller's task ends it at once.
    package func finish() async {
        let nap = state.withLock { state in
            state.isFinishing = true
            return state.nap
        }
        nap?.cancel()
        let task = task.withLock { $0 }
        await withTaskCancellationHandler {
            await task?.value
        } onCancel: {
            task?.cancel()
            nap?.cancel()
        }
    }

    package func shutdown() async { await sender.shutdown() }

    private var isFinishing: Bool { state.withLock { $0.isFinishing } || Task.isCancelled }

    // MARK: The loop

    private func run() async {
        var backOff = self.backOff
        var isPrepared = false
        var limits = self.limits
        while !Task.isCancelled {
            do {
                let cursor = try await place(isPrepared)
                isPrepared = true
                let batch = try await onQueue { [limits] in
                    try self.source.read(after: cursor, limits, as: self.configuration.format)
                }
                if !batch.isEmpty {
                    state.withLock { $0.oldest = batch.times?.first }
                    let next = try await sender.send(batch, after: cursor)
                    try await onQueue { try self.cursors.save(next, of: self.configuration.name) }
                    succeeded(batch, next)
                    backOff.reset()
                    limits = self.limits
                }
                guard !batch.isFull else { continue }
                // What came while the last batch was on its way goes before the end.
                if isFinishing, source.pending(after: state.withLock { $0.cursor } ?? cursor) == 0 { return }
                if !isFinishing { await sleep(wait) }
            } catch {
                guard !(error is CancellationError), !Task.isCancelled else { return }
                let failure = error as? SinkFailure
                // Half as many until it fits; a single one that does not fit stays where it is, and everything behind it.
                if failure?.isTooLarge == true, limits.events > 1 {
                    limits.events = max(1, limits.events / 2)
                    limits.bytes = max(1, limits.bytes / 2)
                    failed(error, isFinal: false)
                    continue
                }
                failed(error)
                isPrepared = false
                guard !isFinishing else { return }
                await sleep(backOff.delay(asked: failure?.retryAfter))
            }
        }
    }

    /// Where to go on. Loads the cursor the first time, and has the sender look at it after each failure.
    private func place(_ isPrepared: Bool) async throws -> SinkCursor {
        var cursor: SinkCursor
        if let known = state.withLock({ $0.cursor }) { cursor = known } else { cursor = try await load() }
        if !isPrepared, let prepared = try await sender.prepare(cursor) {
            cursor = prepared
            try await onQueue { try self.cursors.save(prepared, of: self.configuration.name) }
            note(prepared)
        }
        return cursor
    }

    private func load() async throws -> SinkCursor {
        let (name, source, logger) = (configuration.name, self.source, self.logger)
        let start = configuration.start
        let cursor = try await onQueue {
            let known = try self.cursors.load(name)
            var cursor = known ?? (start == .start ? source.start : source.end)
            if let corrected = source.corrected(cursor) {
                logger.warning(
                    "the sink's cursor is not of this log, or behind its end",
                    metadata: ["sink": "\(name)", "was": "\(cursor.next)", "is": "\(corrected.next)"])
                cursor = corrected
            }
            // `from: now` means this start, also when nothing is delivered before the next one.
            if cursor != known { try self.cursors.save(cursor, of: name) }
            return cursor
        }
        note(cursor)
        return cursor
    }

    private func onQueue<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }

    private func sleep(_ seconds: Double) async {
        let nap = Task { _ = try? await Task.sleep(for: .seconds(seconds)) }
        let isFinishing = state.withLock { state in
            state.nap = nap
            return state.isFinishing
        }
        if isFinishing { nap.cancel() }
        await withTaskCancellationHandler {
            await nap.value
        } onCancel: {
            nap.cancel()
        }
    }

    // MARK: What others see

    package var status: SinkStatus {
        let (found, cursor, oldest) = state.withLock { ($0.status, $0.cursor, $0.oldest) }
        var status = found
        guard let cursor else { return status }
        status.next = cursor.next
        status.pending = source.pending(after: cursor)
        if status.pending > 0, let oldest {
            status.lagSeconds = Double(max(0, now().microseconds - oldest.microseconds)) / 1e6
        }
        return status
    }

    private func note(_ cursor: SinkCursor) {
        state.withLock { $0.cursor = cursor }
    }

    private func succeeded(_ batch: SinkBatch, _ next: SinkCursor) {
        let wasFailing = state.withLock { state in
            defer { state.status.problem = nil }
            state.cursor = next
            state.oldest = nil
            state.status.delivered += batch.lines.count
            state.status.lastDeliveryAt = now()
            return state.status.problem != nil
        }
        if wasFailing { logger.notice("a sink delivers again", metadata: ["sink": "\(configuration.name)"]) }
    }

    /// Logged once, when it begins; the latest reason is in the status.
    private func failed(_ error: any Error, isFinal: Bool = true) {
        let reason = Self.reason(error)
        let isNew = state.withLock { state in
            defer { if isFinal { state.status.problem = reason } }
            state.status.errors += 1
            state.status.lastError = reason
            state.status.lastErrorAt = now()
            return isFinal && state.status.problem == nil
        }
        if isNew {
            logger.warning(
                "a sink does not deliver; it is tried again, and nothing is dropped",
                metadata: ["sink": "\(configuration.name)", "reason": "\(reason)"])
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as SinkFailure: error.reason
        case let error as GatewayError: error.message
        default: "unexpected: \(type(of: error))"
        }
    }
}

extension SinkStatus {
    /// Of a sink that has not run yet.
    package init(_ configuration: SinkConfiguration) {
        let target =
            switch configuration.destination {
            case .file(let file): file.path
            case .https(let https): https.publicURL
            }
        self.init(
            name: configuration.name, kind: configuration.kind, format: configuration.format.rawValue, target: target)
    }
}

extension HTTPSSinkConfiguration {
    /// Scheme, host and port.
    var publicURL: String {
        guard let start = url.range(of: "://") else { return "" }
        return String(
            url[..<start.upperBound] + url[start.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" })
    }
}
