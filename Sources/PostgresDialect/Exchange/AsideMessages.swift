import DataMasking
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// Messages of the target that can come at any time, outside any exchange.
extension PostgresDialect {
    /// What can come at any time joins the answer that is under way, or stands alone.
    mutating func spread(_ run: inout OutputRun) {
        guard !run.isData else { return }
        run.isData = true
        run.exchange = queue.head()?.id.flatMap { queue.open[$0] != nil ? $0 : nil }
    }

    mutating func notice(_ message: ByteBuffer, _ header: MessageHeader, _ run: inout OutputRun) {
        guard let masks, hasMasks, var fields = ErrorFields(message),
            mask(&fields, masks)
        else { return run.keep(header.total) }
        run.replace(header.total) { fields.write(as: BackendType.notice, into: &$0) }
    }

    func notification(_ message: ByteBuffer, _ run: inout OutputRun) throws(DialectFault) {
        guard let masks, hasMasks else { return run.keep(message.readableBytes) }
        guard var notification = NotificationResponse(message) else { throw malformed(BackendType.notification) }
        guard SideChannels.mask(&notification, masks) else { return run.keep(message.readableBytes) }
        run.replace(message.readableBytes) { notification.write(into: &$0) }
    }

    /// Hides what an error or notice of the command that is answered now tells of values.
    mutating func mask(_ fields: inout ErrorFields, _ masks: MaskSet) -> Bool {
        let meanings = queue.head()?.id.flatMap { queue.open[$0] }?.meanings ?? []
        let touches = masks.hasColumnRules && touchesMasked(meanings, masks)
        // That a value stands in the client's own text would be the answer to a question, too.
        let statements = touches && masks.hasOracles ? [] : meanings.compactMap { $0.analysis?.text }
        return ErrorMasking.apply(
            masks, to: &fields, statements: statements, keepsNames: !mentionsMasked(meanings, masks),
            touchesMasked: touches)
    }

    mutating func parameterChanged(
        _ parameter: ParameterStatus, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) -> Bool {
        if parameter.name == "search_path" {
            searchPath = parameter.value
            executions.forget()
            // Only ever lost: what is reported may be older than what was sent since.
            if SettingEffects.hidesBuiltIns(searchPath: parameter.value) { loseBuiltIns() }
            relations.forget()
            if !hasTemporaries { namesAreUnsure = false }
        }
        if terms?.isReadOnly == true, !ReadOnlySession.isKept(parameter) {
            run.flush(into: &events)
            events.append(
                .fatal(Refusal(code: "42501", message: "The session's read-only mode was lifted, so the session ends."))
            )
            return false
        }
        guard !SettingsGuard.accepts(parameter) else { return true }
        run.flush(into: &events)
        events.append(
            .fatal(
                Refusal(
                    code: "42501",
                    message:
                        "\(parameter.name) became \(parameter.value.prefix(64)): the gateway and the server would read a text differently."
                )))
        return false
    }
}
