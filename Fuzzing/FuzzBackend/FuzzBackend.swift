import AuditLedger
import DataMasking
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel

/// The target's side of the codec: any bytes in answer to one of a few sets of commands, with and without masks, and
/// the
/// reader of recordings on the same bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzBackend(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let mode = input.first else { return 0 }
    _ = RecordedAnswer.decode(Array(input.dropFirst()))
    var dialect = PostgresDialect(offersTLS: false, acceptsClearText: true)
    dialect.signedIn(terms(isMasked: mode & 1 == 0))
    var events: [TargetEvent] = []
    do throws(DialectFault) {
        _ = try dialect.openTarget(TargetCredential(username: "app", password: [65]))
        if mode & 2 == 0 { try signIn(&dialect) }
        if mode & 2 == 0 { try send(mode, &dialect) }
        var rest = ByteBuffer(bytes: input.dropFirst())
        while rest.readableBytes > 0 {
            guard let piece = rest.readSlice(length: min(rest.readableBytes, Int(mode >> 4) * 31 + 1)) else { break }
            try dialect.receive(fromTarget: piece, into: &events)
            while case .lookup(let request)? = events.last {
                events.removeAll(keepingCapacity: true)
                try dialect.resume(with: answer(request), into: &events)
            }
            events.removeAll(keepingCapacity: true)
        }
    } catch {
        _ = dialect.abort(error.refusal)
    }
    return 0
}

private func answer(_ request: LookupRequest) -> LookupAnswer {
    guard case .columns(let references) = request, references.count < 3 else { return LookupAnswer(columns: nil) }
    return LookupAnswer(
        columns: references.map { _ in
            LookupAnswer.Column(
                name: "email", origins: [.column(schema: "public", table: "customers", column: "email")], type: 25)
        })
}

private func terms(isMasked: Bool) -> SessionTerms {
    var rules: [MaskRule] = []
    if isMasked, let column = ColumnPattern("customers.email") {
        rules = [MaskRule(columns: [column]), MaskRule(detect: [.email, .creditCard], method: .partial)]
    }
    return SessionTerms(
        context: SessionContext(
            session: RecordID(high: 1, low: 1), principal: nil, connection: "c", kind: "postgres",
            clientAddress: "127.0.0.1:1"),
        database: "d", targetUser: "app", masks: MaskSet(rules: rules, key: MaskKey(bytes: [1])),
        cancelKey: (1, [1, 2, 3, 4]),
        durability: .command, limits: SessionLimits(), targetTLS: .disable)
}

private func signIn(_ dialect: inout PostgresDialect) throws(DialectFault) {
    var greeting = ByteBuffer()
    AuthenticationRequest.ok.write(into: &greeting)
    TransactionStatus.idle.write(into: &greeting)
    var events: [TargetEvent] = []
    try dialect.receive(fromTarget: greeting, into: &events)
}

private func send(_ mode: UInt8, _ dialect: inout PostgresDialect) throws(DialectFault) {
    var client = StartupMessage(parameters: [("user", "a")]).encoded()
    client.writeMessage(FrontendType.password) { $0.writeCString("t".utf8) }
    switch mode >> 2 & 3 {
    case 0: client.writeImmutableBuffer(QueryMessage.encoded("SELECT".utf8))
    case 1:
        client.writeImmutableBuffer(ParseMessage.encoded(statement: "", text: "SELECT".utf8))
        client.writeImmutableBuffer(BindMessage.encoded())
        client.writeImmutableBuffer(ExecuteMessage.encoded())
        client.writeEmptyMessage(FrontendType.sync)
    case 2:
        client.writeImmutableBuffer(QueryMessage.encoded("COPY".utf8))
        client.writeImmutableBuffer(QueryMessage.encoded("SELECT".utf8))
    default:
        client.writeImmutableBuffer(ParseMessage.encoded(statement: "s", text: "SELECT".utf8))
        client.writeImmutableBuffer(NamedTarget.encoded(FrontendType.describe, .statement, "s"))
        client.writeEmptyMessage(FrontendType.sync)
        client.writeImmutableBuffer(QueryMessage.encoded("SELECT".utf8))
    }
    var events: [ClientEvent] = []
    try dialect.receive(fromClient: client, into: &events)
    for event in events {
        switch event {
        case .command(let command):
            _ = dialect.assess(command, analysis: nil)
            _ = dialect.submit(.command(command))
        case .carry(let bytes, let id): _ = dialect.submit(.carry(bytes, of: id))
        default: break
        }
    }
}
