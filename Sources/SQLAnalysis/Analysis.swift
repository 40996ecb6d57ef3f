import CPgQuery
import GatewayCore

/// The analysis itself, on the calling thread, whose stack must be large (`WorkerThreads`).
enum Analysis {
    static func run(_ text: [UInt8], limits: AnalysisLimits) -> SQLAnalysis {
        text.withUnsafeBytes { bytes in
            let scan = TokenizedText(bytes, limits: limits)
            let tags = CommentTags.read(scan.comments, in: bytes)
            if let stop = scan.stop {
                if stop.setting == "limits.tokens", let bulk = BulkInsert.read(bytes, scan: scan) {
                    return SQLAnalysis(
                        text: text, statements: [bulk.facts], literals: bulk.literals, literalsEnd: text.count,
                        tags: tags)
                }
                return notUnderstood(text, bytes, stop, scan, tags)
            }
            guard !scan.tokens.isEmpty else { return SQLAnalysis(text: text, literalsEnd: text.count, tags: tags) }
            guard UTF8Check.isValid(bytes) else {
                return notUnderstood(text, bytes, NotUnderstood(message: "the text is not valid UTF-8"), scan, tags)
            }
            switch Parser.parse(bytes) {
            case .failure(let reason):
                return notUnderstood(text, bytes, reason.reason, scan, tags)
            case .success(let tree):
                defer { tree.free() }
                guard let nodes = ParseTree(tree.json) else {
                    let reason = NotUnderstood(message: "the text's parse tree is too large", setting: "limits.tokens")
                    return notUnderstood(text, bytes, reason, scan, tags)
                }
                var reader = FactsReader(tree: nodes, text: bytes, scan: scan)
                guard let statements = reader.statements() else {
                    return notUnderstood(
                        text, bytes, NotUnderstood(message: "the parser's answer could not be read"), scan, tags)
                }
                reader.trail.resolveAliases()
                var literals = LiteralUses(marks: scan.marks)
                literals.fill(from: reader.trail.uses, passwords: scan.passwords, opaque: reader.opaqueLiterals)
                return SQLAnalysis(
                    text: text, statements: statements, literals: literals, literalsEnd: text.count, tags: tags,
                    isParsed: true)
            }
        }
    }

    private static func notUnderstood(
        _ text: [UInt8], _ bytes: UnsafeRawBufferPointer, _ reason: NotUnderstood, _ scan: TokenizedText,
        _ tags: [String: String]
    ) -> SQLAnalysis {
        var literals = LiteralUses(marks: scan.marks, contexts: [LiteralUses.Context(unknownColumn: true)])
        literals.markSecret(scan.passwords)
        let apparent = ApparentStatements.classes(scan.tokens, in: bytes)
        return SQLAnalysis(
            text: text, notUnderstood: reason, literals: literals,
            literalsEnd: reason.setting == "limits.command" ? 0 : text.count, tags: tags, apparentClasses: apparent)
    }

    /// Hexadecimal fingerprint of a text that parses; nil otherwise. Literals do not count in it.
    static func fingerprint(_ text: [UInt8]) -> String? {
        var terminated = text
        terminated.append(0)
        let result = terminated.withUnsafeBytes {
            pg_query_fingerprint($0.baseAddress?.assumingMemoryBound(to: CChar.self))
        }
        defer { pg_query_free_fingerprint_result(result) }
        guard result.error == nil, let string = result.fingerprint_str else { return nil }
        return String(cString: string)
    }
}

extension LiteralUses {
    /// Gives each literal its context; equal ones share an entry.
    mutating func fill(from uses: [Context], passwords: [Int], opaque: Set<Int>) {
        var known: [Context: Int32] = [Context(): 0]
        for index in marks.indices where index < uses.count {
            var context = uses[index]
            if opaque.contains(index), context.columns.isEmpty { context.unknownColumn = true }
            if let number = known[context] {
                marks[index].context = number
            } else {
                marks[index].context = Int32(contexts.count)
                known[context] = Int32(contexts.count)
                contexts.append(context)
            }
        }
        markSecret(passwords)
    }

    mutating func markSecret(_ passwords: [Int]) {
        for index in passwords where index < marks.count {
            var context = contexts[Int(marks[index].context)]
            if !context.columns.contains("password") { context.columns.append("password") }
            context.secret = true
            marks[index].context = Int32(contexts.count)
            contexts.append(context)
        }
    }
}
