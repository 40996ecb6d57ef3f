import SQLAnalysis

/// How COPY data is laid out; nil-initialised for options that the rewriter does not know.
enum CopyFormat: Equatable {
    case text(hasHeader: Bool)
    case csv(hasHeader: Bool)
    case binary

    init?(isBinary: Bool, facts: StatementFacts?) {
        if isBinary {
            self = .binary
            return
        }
        guard let copy = facts?.copy else { return nil }
        var hasHeader = false
        switch copy.options.count {
        case 0: break
        case 1:
            // HEADER is all that is followed; the server refuses it twice.
            guard copy.options[0].name == "header", let value = copy.options[0].boolean else { return nil }
            hasHeader = value
        default: return nil
        }
        switch copy.format {
        case "text": self = .text(hasHeader: hasHeader)
        case "csv": self = .csv(hasHeader: hasHeader)
        default: return nil
        }
    }
}
