package import GatewayCore

/// A leaf as read back: what the index, the checks and people ask it.
package struct Leaf: Sendable {
    package let value: LeafValue

    /// Throws when the bytes are no leaf in canonical form.
    package init(_ bytes: [UInt8]) throws(LeafReader.Failure) {
        value = try LeafReader.read(bytes)
        guard id != nil, session != nil, sequence != nil, time != nil, type != nil,
            value["v"]?.integer == Int64(LeafEncoder.version)
        else { throw LeafReader.Failure(offset: 0, reason: "a leaf needs v, id, session, seq, time and type") }
    }

    package subscript(name: String) -> LeafValue? { value[name] }

    package var id: RecordID? { value["id"]?.string.flatMap { RecordID($0) } }
    package var session: RecordID? { value["session"]?.string.flatMap { RecordID($0) } }
    package var sequence: UInt64? { value["seq"]?.integer.flatMap(UInt64.init(exactly:)) }
    package var time: Timestamp? { value["time"]?.integer.map(Timestamp.init(microseconds:)) }
    package var type: EntryType? { value["type"]?.string.map(EntryType.init(rawValue:)) }
    package var exchange: UInt64? { value["exchange"]?.integer.flatMap(UInt64.init(exactly:)) }
    package var principal: Principal? { Self.principal(value["principal"]) }

    private static func principal(_ value: LeafValue?) -> Principal? {
        guard let issuer = value?["issuer"]?.string, let subject = value?["subject"]?.string else { return nil }
        return Principal(
            issuer: issuer, subject: subject, name: value?["name"]?.string, groups: [], isPersonIssuer: false)
    }

    package var agent: AgentContext {
        let agent = value["agent"]
        return AgentContext(
            agent: agent?["name"]?.string, model: agent?["model"]?.string, run: agent?["run"]?.string,
            purpose: agent?["purpose"]?.string,
            traceparent: agent?["traceparent"]?.string, onBehalfOf: agent?["on_behalf_of"]?.string,
            trust: agent?["trust"]?.string.flatMap(AgentContext.Trust.init(rawValue:)) ?? .claimed)
    }

    /// What is the same in all entries of the leaf's session.
    package var context: SessionContext? {
        guard let session else { return nil }
        return SessionContext(
            session: session, principal: principal, agent: agent, connection: value["connection"]?.string ?? "",
            kind: value["kind"]?.string ?? "", clientAddress: value["address"]?.string ?? "",
            database: value["database"]?.string,
            role: value["role"]?.string, durability: value["durability"]?.string)
    }

    /// The commitments to its content, in their order.
    package var commitments: [Commitment] {
        (value["content"]?.list ?? []).compactMap { item in
            guard let kind = item["kind"]?.string, let digest = item["sha256"]?.string.flatMap(Self.bytes),
                let size = item["size"]?.integer.flatMap(UInt64.init(exactly:))
            else { return nil }
            return Commitment(
                kind: .init(rawValue: kind), digest: digest, size: size,
                kept: item["kept"]?.integer.flatMap(UInt64.init(exactly:)))
        }
    }

    private static func bytes(fromHex text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count == 64 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 64, by: 2) {
            guard let high = digits[index].hexDigitValue, let low = digits[index + 1].hexDigitValue else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
