import AuditLedger
import DataMasking
import GatewayConfiguration
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Synchronization

/// The catalogues of all targets: one per event loop, connection and database, so that a question costs no hop.
final class CatalogueService: Sendable {
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

    /// On the session's event loop.
    func answer(_ request: LookupRequest, for session: AdmittedSession, on eventLoop: any EventLoop) -> EventLoopFuture<
        LookupAnswer
    > {
        let key = Key(
            loop: ObjectIdentifier(eventLoop), connection: session.connection.name, database: session.terms.database)
        let catalogue = catalogues.withLock { catalogues in
            if let kept = catalogues[key] { return kept.catalogue }
            let catalogue = NIOLoopBound(
                Catalogue(eventLoop: eventLoop) { Self.connect(session, on: eventLoop) }, eventLoop: eventLoop)
            catalogues[key] = Kept(loop: eventLoop, catalogue: catalogue)
            return catalogue
        }
        return catalogue.value.answer(request)
    }

    /// The schema behind `connection` has changed or may have: everything known of it is forgotten.
    func void(connection: String) {
        for kept in all(of: connection) { kept.loop.execute { kept.catalogue.value.void() } }
    }

    func closeAll() {
        for kept in all(of: nil) { kept.loop.execute { kept.catalogue.value.close() } }
    }

    private func all(of connection: String?) -> [Kept] {
        catalogues.withLock { $0.filter { connection == nil || $0.key.connection == connection }.map(\.value) }
    }

    private static func connect(_ session: AdmittedSession, on eventLoop: any EventLoop) -> EventLoopFuture<
        NIOLoopBound<CatalogueConnection>
    > {
        let ready = eventLoop.makePromise(of: NIOLoopBound<CatalogueConnection>.self)
        let bound = NIOLoopBound(ready, eventLoop: eventLoop)
        TargetDialer.connect(session.connection, on: eventLoop) { channel in
            channel.eventLoop.makeCompletedFuture {
                var dialect = PostgresDialect(offersTLS: false, acceptsClearText: true, limits: SessionLimits())
                dialect.signedIn(session.terms)
                let connection = CatalogueConnection(
                    dialect: dialect, ready: bound.value, credential: session.credential,
                    tls: { try TargetTLSContext.handler(for: session.connection) })
                try channel.pipeline.syncOperations.addHandler(connection)
            }
        }.whenFailure { ready.fail($0) }
        return ready.futureResult
    }
}
