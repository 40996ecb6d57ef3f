package import GatewayCore

/// Writes an entry's leaf: one line of canonical JSON, at most 65,535 bytes, without content.
///
/// A session's encoder holds the members that never change, ready encoded. The member caps below add up to less than
/// the limit.
package struct LeafEncoder: Sendable {
    package static let maximumLength = 65_535
    package static let version: UInt64 = 1
    /// Items of content that one entry may carry.
    package static let maximumContentItems = 64

    package let session: RecordID
    // In the order of the member names, each with its leading comma.
    private let address: [UInt8]
    private let agent: [UInt8]
    private let connection: [UInt8]
    private let database: [UInt8]
    private let durability: [UInt8]
    private let kind: [UInt8]
    private let principal: [UInt8]
    private let role: [UInt8]
    private let sessionMember: [UInt8]

    package init(_ context: SessionContext) {
        session = context.session
        address = Self.fragment {
            if !context.clientAddress.isEmpty { $0.member(",\"address\":", context.clientAddress, 256) }
        }
        agent = Self.fragment { $0.agent(context.agent) }
        connection = Self.fragment {
            if !context.connection.isEmpty { $0.member(",\"connection\":", context.connection, 256) }
        }
        database = Self.fragment { $0.member(",\"database\":", context.database, 256) }
        durability = Self.fragment { $0.member(",\"durability\":", context.durability, 32) }
        kind = Self.fragment { $0.member(",\"kind\":", context.kind, 64) }
        principal = Self.fragment { $0.principal(",\"principal\":", context.principal) }
        role = Self.fragment { $0.member(",\"role\":", context.role, 256) }
        sessionMember = Self.fragment {
            $0.literal(",\"session\":")
            $0.identifier(high: context.session.high, low: context.session.low)
        }
    }

    private static func fragment(_ write: (inout CanonicalWriter) -> Void) -> [UInt8] {
        var writer = CanonicalWriter()
        write(&writer)
        return writer.bytes
    }

    /// Appends the leaf of `draft` to `out`; the commitments stand for its content.
    package func encode(
        _ draft: borrowing EntryDraft, sequence: UInt64, id: RecordID, time: Timestamp, commitments: [Commitment],
        into out: inout CanonicalWriter
    ) {
        let start = out.bytes.count
        if let text = draft.clientAddress { out.member(",\"address\":", text, 256) } else { out.bytes += address }
        if let context = draft.agent { out.agent(context) } else { out.bytes += agent }
        out.identifier(",\"approval\":", draft.approval)
        out.principal(",\"approver\":", draft.approver)
        out.list(",\"classes\":", ",\"classes_total\":", draft.classes, limit: 2048)
        if let name = draft.connection { out.member(",\"connection\":", name, 256) } else { out.bytes += connection }
        out.commitments(commitments)
        out.counts(draft)
        out.bytes += database
        if draft.decidedBy != draft.rules {
            out.list(",\"decided_by\":", ",\"decided_by_total\":", draft.decidedBy, limit: 1500)
        }
        out.details(draft.details)
        out.bytes += durability
        if let exchange = draft.exchange {
            out.literal(",\"exchange\":")
            out.integer(exchange)
        }
        out.literal(",\"id\":")
        out.identifier(high: id.high, low: id.low)
        out.bytes += kind
        out.list(",\"objects\":", ",\"objects_total\":", draft.objects, limit: 20_000)
        out.list(",\"observed\":", ",\"observed_total\":", draft.observed, limit: 1500)
        out.outcome(draft.outcome)
        out.member(",\"policy\":", draft.policy, 128)
        if draft.principal != nil { out.principal(",\"principal\":", draft.principal) } else { out.bytes += principal }
        out.member(",\"reason\":", draft.reasonCode, 128)
        out.principal(",\"requester\":", draft.requester)
        out.bytes += role
        out.list(",\"rules\":", ",\"rules_total\":", draft.rules, limit: 6000)
        out.literal(",\"seq\":")
        out.integer(sequence)
        out.bytes += sessionMember
        out.identifier(",\"subject_session\":", draft.aboutSession)
        out.literal(",\"time\":")
        out.integer(time.microseconds)
        out.member(",\"type\":", draft.type.rawValue, 64)
        out.literal(",\"v\":")
        out.integer(Self.version)
        out.member(",\"verb\":", draft.verb, 64)
        if let verdict = draft.verdict { out.member(",\"verdict\":", verdict.rawValue, 16) }
        if let would = draft.would { out.member(",\"would\":", would.rawValue, 16) }
        // The first member brought a comma; there is always one (`id`).
        out.bytes[start] = UInt8(ascii: "{")
        out.byte(UInt8(ascii: "}"))
    }
}
