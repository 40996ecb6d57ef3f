import DataMasking
import GatewayCore
import NIOCore
import SessionKernel

/// What waits for an answer of the catalogue.
struct PendingLookup {
    enum Purpose {
        /// The RowDescription at the front of the kept bytes.
        case rows([LookupRequest.ColumnReference])
        /// A relation that the message at the front was computed from.
        case relation(RelationName)
        /// The COPY whose CopyOutResponse is at the front.
        case copy
    }

    var purpose: Purpose
    var exchange: ExchangeID?
}

/// Base columns behind table columns, as the catalogue told them to this session.
struct OriginCache {
    private static let capacity = 4096
    private var unknown: Set<LookupRequest.ColumnReference> = []
    private var columns: [LookupRequest.ColumnReference: LookupAnswer.Column] = [:]

    subscript(reference: LookupRequest.ColumnReference) -> LookupAnswer.Column? { columns[reference] }

    /// The catalogue could not tell: asked again only after the next answer.
    func isUnknown(_ reference: LookupRequest.ColumnReference) -> Bool { unknown.contains(reference) }

    mutating func learn(_ references: [LookupRequest.ColumnReference], _ answer: LookupAnswer) {
        guard let found = answer.columns, found.count == references.count else {
            unknown = Set(references)
            return
        }
        unknown = []
        if columns.count + references.count > Self.capacity { columns = [:] }
        for (reference, column) in zip(references, found) { columns[reference] = column }
    }

    /// An answer was planned; the next one asks again.
    mutating func retryUnknown() { unknown = [] }

    /// The schema may have changed.
    mutating func forget() {
        columns = [:]
        unknown = []
    }
}

/// Columns of relations by name, as the catalogue told them to this session: what computed columns are judged by.
struct RelationCache {
    private static let capacity = 1024
    private var relations: [RelationName: [String: [ColumnOrigin]]] = [:]
    private var unknown: Set<RelationName> = []

    /// Base columns behind each column; nil when they are not known.
    subscript(name: RelationName) -> [String: [ColumnOrigin]]? { relations[name] }

    func isSettled(_ name: RelationName) -> Bool { relations[name] != nil || unknown.contains(name) }

    mutating func learn(_ name: RelationName, _ answer: LookupAnswer) {
        guard let columns = answer.columns else {
            unknown.insert(name)
            return
        }
        if relations.count >= Self.capacity { relations = [:] }
        relations[name] = Dictionary(columns.map { ($0.name, $0.origins.map(HiddenReads.resolved)) }) { $0 + $1 }
    }

    /// An answer was planned; the next one asks again.
    mutating func retryUnknown() { if !unknown.isEmpty { unknown = [] } }

    /// The schema, or what names stand for, may have changed.
    mutating func forget() {
        relations = [:]
        unknown = []
    }
}
