package import GatewayCore

/// The keys of one discovered issuer, cached: fetched on first use, again when old or when a token names a key that is
/// not there.
///
/// Concurrent callers share one fetch, and tokens with made-up key ids cause at most one per `refreshInterval`.
package actor IssuerKeys: KeySource {
    /// Bounds in seconds.
    package struct Limits: Sendable {
        /// Least time between fetches while keys are at hand.
        package var refreshInterval: Int64 = 30
        /// Least time between attempts while there are none to use.
        package var retryInterval: Int64 = 5
        /// How long keys count as fresh when the issuer does not say; what it says is held between `leastAge` and
        /// `mostAge`.
        package var freshFor: Int64 = 900
        package var leastAge: Int64 = 60
        package var mostAge: Int64 = 86_400
        /// How long keys that are no longer fresh still count while the issuer cannot be reached.
        package var staleFor: Int64 = 3600

        package init() {}
    }

    private struct Cached {
        var keys: KeySet
        var fetched: Timestamp
        var freshUntil: Timestamp
    }

    private let discovery: Discovery
    private let limits: Limits
    private let now: @Sendable () -> Timestamp
    private var cached: Cached?
    private var lastAttempt: Timestamp?
    private var attempts = 0
    private var lastError: GatewayError?
    private var running: Task<Void, Never>?

    package init(
        discovery: Discovery, limits: Limits = Limits(), now: @escaping @Sendable () -> Timestamp = Timestamp.wall
    ) {
        self.discovery = discovery
        self.limits = limits
        self.now = now
    }

    package func candidates(for keyID: String?) async throws(GatewayError) -> [VerificationKey] {
        if let cached, now() < cached.freshUntil {
            refreshAhead(cached)
        } else {
            await refreshIfAllowed()
        }
        var usable = try usableKeys()
        // Without a key id nothing says that a newer key is wanted.
        if let keyID, usable.candidates(for: keyID).isEmpty {
            await refreshIfAllowed()
            usable = try usableKeys()
        }
        return usable.candidates(for: keyID)
    }

    private func usableKeys() throws(GatewayError) -> KeySet {
        guard let cached, now() < cached.freshUntil.advanced(bySeconds: limits.staleFor) else {
            throw GatewayError(
                .issuerUnavailable,
                "The keys of the issuer \(discovery.issuer) cannot be had: \(lastError?.message ?? "no answer yet")")
        }
        return cached.keys
    }

    /// In the last fifth of their life keys are fetched again without anybody waiting.
    private func refreshAhead(_ cached: Cached) {
        let life = cached.freshUntil.microseconds - cached.fetched.microseconds
        guard now().microseconds >= cached.freshUntil.microseconds - life / 5, running == nil, isAllowed else { return }
        start()
    }

    private func refreshIfAllowed() async {
        if running == nil, isAllowed { start() }
        await running?.value
    }

    private var isAllowed: Bool {
        guard let lastAttempt else { return true }
        let now = now()
        let hasKeys = cached.map { now < $0.freshUntil.advanced(bySeconds: limits.staleFor) } ?? false
        // A clock set back must not stop refreshing until it has caught up.
        // The fetch that brought the first keys is not one that an unknown key id asked for.
        if hasKeys, attempts == 1 { return true }
        return now < lastAttempt
            || now >= lastAttempt.advanced(bySeconds: hasKeys ? limits.refreshInterval : limits.retryInterval)
    }

    /// Not a child of the caller's task: the fetch is everybody's, and ends by the fetcher's own time limit.
    private func start() {
        lastAttempt = now()
        attempts += 1
        running = Task { await self.refresh() }
    }

    private func refresh() async {
        defer { running = nil }
        do {
            let (keys, maxAge) = try await discovery.keys()
            let age = min(max(maxAge ?? limits.freshFor, limits.leastAge), limits.mostAge)
            let now = now()
            cached = Cached(keys: keys, fetched: now, freshUntil: now.advanced(bySeconds: age))
            lastError = nil
        } catch {
            lastError = error
        }
    }
}
