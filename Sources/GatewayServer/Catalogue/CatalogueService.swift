import AccessPolicy
import AuditLedger
import DataMasking
package import GatewayConfiguration
package import NIOCore
import PostgresDialect
package import SessionKernel
import Synchronization

/// The database that a catalogue is of, and how to reach it.
package struct CatalogueSource: Sendable {
    package var connection: ConnectionConfiguration
    package var terms: SessionTerms
    /// The target's credential, resolved for one dial only (P7).
    package var credential: @Sendable () throws -> TargetCredential

    package init(
        connection: ConnectionConfiguration, terms: SessionTerms,
        credential: @escaping @Sendable () throws -> TargetCredential
    ) {
        self.connection = connection
        self.terms = terms
        self.credential = credential
    }
}

/// The catalogues of all targets: one per event loop, connection and database, so that a question costs no hop.
package final class CatalogueService: Sendable {
    private struct Key: Hashable {
        var loop: ObjectIdentifier
        var connection: String
        var database: String
    }

    private struct Kept: Sendable {
        var loop: any EventLoop
        var catalogue: NIOLoopBound<Catalogue>
    }

    private let catalogues = Mutex<[Key: Kept]>([:])
    private let limit: TimeAmount

    private static let locksLimit = TimeAmount.seconds(3)

    /// `limit` is how long a question may take, signing in included, before it counts as not answered.
    package init(limit: TimeAmount = .seconds(10)) {
        self.limit = limit
    }

    func answer(
        _ request: LookupRequest, for session: AdmittedSession, on eventLoop: any EventLoop
    ) -> EventLoopFuture<LookupAnswer> {
        answer(
            request,
            of: CatalogueSource(
                connection: session.connection, terms: session.terms, credential: session.credential),
            on: eventLoop)
    }

    /// Call it on `eventLoop`. Never fails: what cannot be answered in time is answered with nil, which the masks take
    /// as unknown.
    package func answer(
        _ request: LookupRequest, of source: CatalogueSource, on eventLoop: any EventLoop
    ) -> EventLoopFuture<LookupAnswer> {
        ask(source, on: eventLoop, within: limit, else: LookupAnswer(columns: nil)) { $0.answer(request) }
    }

    /// What the session with this number at its target holds there. Call it on `eventLoop`; never fails, and takes no longer
    /// than a person would wait for it.
    func locks(of process: Int32, for session: AdmittedSession, on eventLoop: any EventLoop) -> EventLoopFuture<
        Approval.Locks
    > {
        let source = CatalogueSource(
            connection: session.connection, terms: session.terms, credential: session.credential)
        return ask(source, on: eventLoop, within: min(limit, Self.locksLimit), else: .unknown) { catalogue in
            catalogue.ask(TargetLocks.question(process)).map { TargetLocks.read($0) ?? .unknown }
        }
    }

    private func ask<Answer: Sendable>(
        _ source: CatalogueSource, on eventLoop: any EventLoop, within limit: TimeAmount, else unknown: Answer,
        _ question: (Catalogue) -> EventLoopFuture<Answer>
    ) -> EventLoopFuture<Answer> {
        let key = Key(
            loop: ObjectIdentifier(eventLoop), connection: source.connection.name, database: source.terms.database)
        let connectLimit = self.limit
        let bound = catalogues.withLock { catalogues in
            if let kept = catalogues[key] { return kept.catalogue }
            let catalogue = NIOLoopBound(
                Catalogue(eventLoop: eventLoop, schema: source.terms.schema) {
                    Self.connect(source, within: connectLimit, on: eventLoop)
                },
                eventLoop: eventLoop)
            catalogues[key] = Kept(loop: eventLoop, catalogue: catalogue)
            return catalogue
        }
        let promise = eventLoop.makePromise(of: Answer.self)
        // Whoever does not answer this question will not answer the next: it gets a connection of its own.
        let overdue = eventLoop.scheduleTask(in: limit) {
            promise.succeed(unknown)
            bound.value.close()
        }
        question(bound.value).whenComplete { result in
            overdue.cancel()
            promise.succeed((try? result.get()) ?? unknown)
        }
        return promise.futureResult
    }

    package func closeAll() {
        for kept in catalogues.withLock({ Array($0.values) }) { kept.loop.execute { kept.catalogue.value.close() } }
    }

    private static func connect(
        _ source: CatalogueSource, within limit: TimeAmount, on eventLoop: any EventLoop
    ) -> EventLoopFuture<NIOLoopBound<CatalogueConnection>> {
        let ready = eventLoop.makePromise(of: NIOLoopBound<CatalogueConnection>.self)
        let bound = NIOLoopBound(ready, eventLoop: eventLoop)
        TargetDialer.connect(source.connection, on: eventLoop) { channel in
            channel.eventLoop.makeCompletedFuture {
                var dialect = PostgresDialect(offersTLS: false, acceptsClearText: true, limits: SessionLimits())
                dialect.signedIn(source.terms)
                let connection = CatalogueConnection(
                    dialect: dialect, ready: bound.value, credential: source.credential,
                    tls: { try TargetTLSContext.handler(for: source.connection) })
                try channel.pipeline.syncOperations.addHandler(connection)
            }
        }.whenComplete { result in
            switch result {
            case .failure(let error): ready.fail(error)
            case .success(let channel):
                let overdue = eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
                ready.futureResult.whenComplete { _ in overdue.cancel() }
            }
        }
        return ready.futureResult
    }
}
