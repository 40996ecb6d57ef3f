import HTTPDialect
import NIOHPACK

extension [StreamField] {
    init(_ headers: HPACKHeaders) {
        self = headers.map { StreamField($0.name, $0.value) }
    }
}

extension HPACKHeaders {
    /// Values that are somebody's secret stay out of the compression's tables (RFC 7541 section 7.1.3).
    init(_ fields: [StreamField]) {
        self.init()
        reserveCapacity(fields.count)
        for field in fields {
            let isSecret = ["authorization", "cookie", "set-cookie", "x-api-key"].contains(field.name)
            add(name: field.name, value: field.value, indexing: isSecret ? .neverIndexed : .indexable)
        }
    }
}
