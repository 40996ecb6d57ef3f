import DataMasking
import DequeModule
import GatewayCore
import NIOCore
import SQLAnalysis
package import SessionKernel

/// Matches the target's messages against what was submitted.
extension PostgresDialect {
    /// Rows and COPY data up to this size wait until they are whole; larger ones go on as they come.
    static var wholeMessageLimit: Int { 8192 }
    /// Messages that are neither rows nor COPY data nor descriptions.
    static var smallMessageLimit: Int { 1 << 20 }

    mutating func walk(into events: inout [TargetEvent]) throws(DialectFault) {
        var run = OutputRun(target.bytes)
        while lookup == nil, try step(&run, &events) {}
        run.flush(into: &events)
        target.bytes = run.source
    }

    package mutating func resume(with answer: LookupAnswer, into events: inout [TargetEvent]) throws(DialectFault) {
        guard let pending = lookup else { return }
        lookup = nil
        defer { target.settle() }
        try settle(pending, answer, &events)
        try walk(into: &events)
    }

    /// - Returns: false when more bytes are needed.
    mutating func step(_ run: inout OutputRun, _ events: inout [TargetEvent]) throws(DialectFault) -> Bool {
        if case .pass(let remaining, let id) = stream {
            let step = min(remaining, run.source.readableBytes)
            guard step > 0 else { return false }
            data(id, &run, &events)
            run.keep(step)
            stream = step == remaining ? .none : .pass(remaining: remaining - step, of: id)
            return true
        }
        if case .overwrite = stream { return try overwrite(&run, &events) }
        if case .drop(let remaining) = stream {
            let step = min(remaining, run.source.readableBytes)
            guard step > 0 else { return false }
            run.drop(step)
            stream = step == remaining ? .none : .drop(remaining: remaining - step)
            return true
        }
        guard let header = try Self.header(run.source) else { return false }
        if asked != nil, let isDone = try ownAnswer(header, &run, &events) { return isDone }
        if header.type == BackendType.dataRow || header.type == BackendType.copyData {
            return try row(header, &run, &events)
        }
        let limit =
            [BackendType.rowDescription, BackendType.functionCallResponse].contains(header.type)
            ? limits.message : Self.smallMessageLimit
        guard header.total <= limit else { throw unexpected(header.type, "of \(header.total) bytes") }
        guard run.source.readableBytes >= header.total,
            let message = run.source.getSlice(at: run.source.readerIndex, length: header.total)
        else { return false }
        switch header.type {
        case BackendType.notice, BackendType.notification:
            spread(&run)
            if header.type == BackendType.notice {
                notice(message, header, &run)
            } else {
                try notification(message, &run)
            }
            return true
        case BackendType.parameterStatus:
            guard let parameter = ParameterStatus(message) else { throw malformed(header.type) }
            // A setting's value may come from a table.
            spread(&run)
            if let masks, hasMasks, let hidden = SideChannels.masked(parameter, masks) {
                run.replace(header.total) { hidden.write(into: &$0) }
            } else {
                run.keep(header.total)
            }
            return parameterChanged(parameter, &run, &events)
        case BackendType.error:
            return try failed(message, &run, &events)
        case BackendType.readyForQuery:
            try ready(message, &run, &events)
            return true
        default:
            return try answered(header, message, &run, &events)
        }
    }

    static func header(_ source: ByteBuffer) throws(DialectFault) -> MessageHeader? {
        do throws(MalformedMessage) {
            return try MessageHeader(at: source)
        } catch {
            throw DialectFault(.target, "08P01", "The target's bytes are not the protocol: \(error.message).")
        }
    }

    // MARK: - Faults

    func unexpected(_ type: UInt8, _ more: String = "") -> DialectFault {
        let rest = more.isEmpty ? "" : " " + more
        return DialectFault(
            .target, "08P01", "The target sent an unexpected message of type \(FrontendDecoder.name(type))\(rest).")
    }

    func malformed(_ type: UInt8) -> DialectFault {
        DialectFault(.target, "08P01", "The target sent a malformed message of type \(FrontendDecoder.name(type)).")
    }
}
