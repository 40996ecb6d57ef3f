/// Which base columns a view's columns come from, read from the node tree in `pg_rewrite.ev_action`.
///
/// Only what `TARGETENTRY` nodes of the outermost query say of themselves is read: `resno`, `resorigtbl`, `resorigcol`
/// (PostgreSQL's src/include/nodes/primnodes.h). A column whose origin is 0 is computed; so are all columns of a set
/// operation.
package struct ViewDefinition {
    package struct Origin: Hashable, Sendable {
        package var table: UInt32
        package var attribute: Int16

        package init(table: UInt32, attribute: Int16) {
            self.table = table
            self.attribute = attribute
        }
    }

    /// Origin by column number; a column that is missing is computed.
    package private(set) var origins: [Int16: Origin] = [:]

    /// Reads `tree` in one linear pass, without recursion; anything odd leaves columns out, which makes them computed.
    package init(nodeTree tree: some Sequence<UInt8>) {
        var scanner = Scanner()
        for byte in tree { scanner.take(byte) }
        guard !scanner.hasSetOperations else { return }
        origins = scanner.origins
    }

    private struct Scanner {
        var origins: [Int16: Origin] = [:]
        var hasSetOperations = false
        private var depth = 0
        private var isEscaped = false
        private var word: [UInt8] = []
        /// The node at depth 2 that we are in is a TARGETENTRY.
        private var isTarget = false
        private var expectsNodeName = false
        private var field: [UInt8] = []
        private var number: Int16?
        private var table: UInt32 = 0
        private var attribute: Int16 = 0

        mutating func take(_ byte: UInt8) {
            if isEscaped {
                isEscaped = false
                return append(byte)
            }
            switch byte {
            case UInt8(ascii: "\\"): isEscaped = true
            case UInt8(ascii: "{"):
                endWord()
                if depth == 1, field == Array("setOperations".utf8) { hasSetOperations = true }
                depth += 1
                expectsNodeName = true
            case UInt8(ascii: "}"):
                endWord()
                if depth == 2 { endNode() }
                depth = max(0, depth - 1)
            case UInt8(ascii: " "), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "\n"): endWord()
            default: append(byte)
            }
        }

        private mutating func append(_ byte: UInt8) {
            if word.count < 64 { word.append(byte) }
        }

        private mutating func endWord() {
            guard !word.isEmpty else { return }
            defer { word.removeAll(keepingCapacity: true) }
            if expectsNodeName {
                expectsNodeName = false
                if depth == 2 {
                    isTarget = word == Array("TARGETENTRY".utf8)
                    number = nil
                    table = 0
                    attribute = 0
                }
                return
            }
            if word.first == UInt8(ascii: ":") {
                if depth <= 2 { field = Array(word.dropFirst()) }
                return
            }
            guard depth == 2, isTarget else { return }
            let text = String(decoding: word, as: UTF8.self)
            if field == Array("resno".utf8) { number = Int16(text) }
            if field == Array("resorigtbl".utf8) { table = UInt32(text) ?? 0 }
            if field == Array("resorigcol".utf8) { attribute = Int16(text) ?? 0 }
        }

        private mutating func endNode() {
            if isTarget, let number, table != 0, attribute > 0 {
                origins[number] = Origin(table: table, attribute: attribute)
            }
            isTarget = false
        }
    }
}
