import NIOCore
import SessionKernel

/// What waits for an answer of the catalogue.
struct PendingLookup {
    enum Purpose {
        /// The RowDescription at the front of the kept bytes.
        case rows([LookupRequest.ColumnReference])
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
