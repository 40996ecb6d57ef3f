import NIOCore
import PostgresDialect
import SessionKernel

/// The client's side of the codec, before and after sign-in: any bytes, split at places that the input chooses.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFrontend(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let mode = input.first else { return 0 }
    var limits = SessionLimits()
    limits.command = 4096
    var dialect = PostgresDialect(offersTLS: mode & 1 == 0, acceptsClearText: mode & 2 == 0, limits: limits)
    var events: [ClientEvent] = []
    do throws(DialectFault) {
        if mode & 4 == 0 {
            try dialect.receive(
                fromClient: StartupMessage(parameters: [("user", "a")]).encoded(), into: &events)
            var password = ByteBuffer()
            password.writeMessage(FrontendType.password) { $0.writeCString("t".utf8) }
            try dialect.receive(fromClient: password, into: &events)
        }
        var rest = ByteBuffer(bytes: input.dropFirst())
        while rest.readableBytes > 0 {
            let length = min(rest.readableBytes, Int(mode >> 3) * 7 + 1)
            guard let piece = rest.readSlice(length: length) else { break }
            try dialect.receive(fromClient: piece, into: &events)
            for event in events { forward(event, &dialect) }
            events.removeAll(keepingCapacity: true)
        }
    } catch {
        _ = dialect.abort(error.refusal)
    }
    return 0
}

/// Judges and forwards or refuses, so that what was framed is read to its end.
private func forward(_ event: ClientEvent, _ dialect: inout PostgresDialect) {
    switch event {
    case .command(let command):
        let assessment = dialect.assess(command, analysis: nil)
        if assessment.refusal != nil || command.id.number % 3 == 0 {
            _ = dialect.refuse(command, Refusal(message: "no"))
        } else {
            _ = dialect.submit(.command(command))
        }
    case .carry(let bytes, let id): _ = dialect.submit(.carry(bytes, of: id))
    case .inputChunk(let bytes, let id): _ = dialect.submit(.inputChunk(bytes, of: id))
    case .startTLS: dialect.clientTLSEstablished()
    case .reply, .signIn, .cancel, .end, .fault, .handOver: break
    }
}
