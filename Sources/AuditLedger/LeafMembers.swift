import GatewayCore

/// The parts of a leaf. Each member is written with its leading comma; what is absent is not written at all.
extension CanonicalWriter {
    mutating func member(_ name: StaticString, _ value: String?, _ limit: Int) {
        guard let value else { return }
        literal(name)
        string(value, limit: limit)
    }

    mutating func identifier(_ name: StaticString, _ id: RecordID?) {
        guard let id else { return }
        literal(name)
        identifier(high: id.high, low: id.low)
    }

    mutating func principal(_ name: StaticString, _ principal: Principal?) {
        guard let principal else { return }
        literal(name)
        literal("{\"issuer\":")
        string(principal.issuer, limit: 1024)
        member(",\"name\":", principal.name, 512)
        literal(",\"subject\":")
        string(principal.subject, limit: 1024)
        byte(UInt8(ascii: "}"))
    }

    mutating func agent(_ context: AgentContext) {
        let start = bytes.count
        member(",\"model\":", context.model, 256)
        member(",\"name\":", context.agent, 512)
        member(",\"on_behalf_of\":", context.onBehalfOf, 1024)
        member(",\"purpose\":", context.purpose, 1024)
        member(",\"run\":", context.run, 512)
        member(",\"traceparent\":", context.traceparent, 128)
        guard bytes.count > start else { return }
        literal(",\"trust\":")
        string(context.trust.rawValue)
        byte(UInt8(ascii: "}"))
        bytes[start] = UInt8(ascii: "{")
        bytes.insert(contentsOf: Array(",\"agent\":".utf8), at: start)
    }

    /// A list cut to about `limit` encoded bytes, then followed by its true length.
    mutating func list(_ name: StaticString, _ totalName: StaticString, _ values: [String], limit: Int) {
        guard !values.isEmpty else { return }
        literal(name)
        let start = bytes.count
        var written = 0
        for value in values {
            let before = bytes.count
            byte(written == 0 ? UInt8(ascii: "[") : UInt8(ascii: ","))
            string(value, limit: 512)
            if bytes.count - start > limit {
                bytes.removeSubrange(before...)
                break
            }
            written += 1
        }
        byte(UInt8(ascii: "]"))
        if written < values.count {
            literal(totalName)
            integer(UInt64(values.count))
        }
    }

    mutating func commitments(_ commitments: [Commitment]) {
        guard !commitments.isEmpty else { return }
        literal(",\"content\":")
        for (index, one) in commitments.prefix(LeafEncoder.maximumContentItems).enumerated() {
            byte(index == 0 ? UInt8(ascii: "[") : UInt8(ascii: ","))
            if let kept = one.kept {
                literal("{\"kept\":")
                integer(kept)
                literal(",\"kind\":")
            } else {
                literal("{\"kind\":")
            }
            string(one.kind.rawValue, limit: 32)
            literal(",\"sha256\":\"")
            hex(one.digest)
            literal("\",\"size\":")
            integer(one.size)
            byte(UInt8(ascii: "}"))
        }
        byte(UInt8(ascii: "]"))
    }

    mutating func counts(_ draft: borrowing EntryDraft) {
        let rows = draft.rows ?? draft.outcome?.rows
        guard
            rows != nil || draft.bytesIn != nil || draft.bytesOut != nil || draft.durationMicros != nil
                || !draft.measures.isEmpty
        else { return }
        literal(",\"counts\":")
        let start = bytes.count
        // A handful, so that insertion beats a dictionary; a fixed count wins over a measure of its name.
        var named = Array(draft.measures.prefix(32))
        for (name, value) in [
            ("bytes_in", draft.bytesIn), ("bytes_out", draft.bytesOut), ("duration_us", draft.durationMicros),
            ("rows", rows),
        ] {
            guard let value else { continue }
            named.removeAll { $0.name == name }
            named.append(Measure(name, value))
        }
        named.sort { $0.name.utf16.lexicographicallyPrecedes($1.name.utf16) }
        for (place, measure) in named.enumerated() where place == 0 || named[place - 1].name != measure.name {
            byte(UInt8(ascii: ","))
            string(measure.name, limit: 48)
            byte(UInt8(ascii: ":"))
            integer(Int64(measure.value))
        }
        bytes[start] = UInt8(ascii: "{")
        byte(UInt8(ascii: "}"))
    }

    mutating func details(_ details: [String: String]) {
        guard !details.isEmpty else { return }
        literal(",\"details\":")
        // A lock is made again from its few details: the longest claim that it may name has 1,024 bytes, each at most
        // two here.
        let limit = details.count <= 4 ? 2048 : 512
        let sorted = details.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
        for (index, pair) in sorted.prefix(16).enumerated() {
            byte(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            string(pair.key, limit: 64)
            byte(UInt8(ascii: ":"))
            string(pair.value, limit: limit)
        }
        byte(UInt8(ascii: "}"))
    }

    mutating func outcome(_ outcome: Outcome?) {
        guard let outcome else { return }
        literal(",\"outcome\":{")
        if let code = outcome.code {
            literal("\"code\":")
            string(code, limit: 64)
            byte(UInt8(ascii: ","))
        }
        literal("\"kind\":")
        string(outcome.kind.rawValue)
        member(",\"tag\":", outcome.tag, 64)
        byte(UInt8(ascii: "}"))
    }
}
