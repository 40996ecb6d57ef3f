import GatewayCore
import Synchronization

/// Analyses PostgreSQL texts on threads of its own and keeps the results by exact text. One for the whole process.
///
/// Safe from any thread. `cached` is for the data path; `analyze` never runs the parser on the caller's thread.
package final class SQLAnalyzer: Sendable {
    package struct Configuration: Sendable {
        package var limits = AnalysisLimits()
        package var threads = 2
        /// Bytes of texts and facts that are kept.
        package var cacheBytes = 16 << 20
        /// Texts that may wait; over it the answer is "not understood".
        package var queue = 1_024
        /// Bytes of texts that may wait.
        package var queueBytes = 32 << 20

        package init() {}
    }

    private let configuration: Configuration
    private let cache: Mutex<AnalysisCache>
    private let workers: WorkerThreads

    package init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        cache = Mutex(AnalysisCache(capacity: configuration.cacheBytes))
        workers = WorkerThreads(maximumJobs: configuration.queue, maximumCost: configuration.queueBytes)
        workers.start(threads: max(1, configuration.threads), stackBytes: 64 << 20)
    }

    deinit {
        workers.stop()
    }

    /// The kept analysis of exactly this text, or nil. Costs one hash and one comparison of the text.
    package func cached(_ text: UnsafeRawBufferPointer) -> SQLAnalysis? {
        guard text.count <= configuration.limits.command else { return nil }
        let hash = AnalysisCache.hash(text)
        return cache.withLock { $0.find(text, hash: hash) }
    }

    package func cached(_ text: [UInt8]) -> SQLAnalysis? {
        text.withUnsafeBytes { cached($0) }
    }

    /// Analyses a text; `completion` is called exactly once: on the caller's thread when the answer is known at once (kept,
    /// too large, queue full), else on one of the analyser's own, where it must not block.
    package func analyze(_ text: [UInt8], completion: @escaping @Sendable (SQLAnalysis) -> Void) {
        guard text.count <= configuration.limits.command else {
            return completion(Analysis.run(text, limits: configuration.limits))
        }
        if let known = cached(text) { return completion(known) }
        let taken = workers.submit(cost: text.count) { [self] in
            let analysis = cached(text) ?? Analysis.run(text, limits: configuration.limits)
            let hash = text.withUnsafeBytes { AnalysisCache.hash($0) }
            cache.withLock { $0.insert(analysis, hash: hash) }
            completion(analysis)
        }
        guard !taken else { return }
        completion(
            SQLAnalysis(
                text: text, notUnderstood: NotUnderstood(message: "the analyser is busy, try again"), literalsEnd: 0,
                apparentClasses: []))
    }

    /// The fingerprint of a text that was understood, in hexadecimal; nil for others and when the analyser is busy.
    package func fingerprint(_ analysis: SQLAnalysis, completion: @escaping @Sendable (String?) -> Void) {
        // Past the token limit the parser must not see the text, though its facts may be known.
        guard analysis.notUnderstood == nil, analysis.isParsed else { return completion(nil) }
        let taken = workers.submit(cost: analysis.text.count) { completion(Analysis.fingerprint(analysis.text)) }
        if !taken { completion(nil) }
    }

    /// Entries and bytes that are kept.
    package var cacheUse: (entries: Int, bytes: Int) { cache.withLock { ($0.count, $0.bytes) } }

    /// Texts already taken are still answered; later ones are "not understood".
    package func shutdown() {
        workers.stop()
    }
}
