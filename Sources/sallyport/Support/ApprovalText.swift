import AccessPolicy
import AuditConsole

/// An approval as who decides reads it: whatever could mislead them is shown by its number.
struct ApprovalText {
    private let approval: ApprovalView

    init(_ approval: ApprovalView) { self.approval = approval }

    /// - Parameter whole: with what else the session did and holds.
    func write(whole: Bool = false) {
        Output.line(Output.styled(approval.id, .bold) + "  " + approval.state)
        writeWho()
        write(text: approval.text)
        for (place, value) in (approval.parameters ?? []).enumerated() {
            let text = value.map { "'" + VisibleText.exact(Output.safe($0)) + "'" } ?? "NULL"
            Output.line("    " + Output.styled("$\(place + 1) = ", .faint) + text)
        }
        for text in approval.prepared ?? [] {
            Output.line("  which runs what was sent before as:")
            write(text: text)
        }
        if let objects = approval.objects, !objects.isEmpty {
            Output.line("  tables: " + VisibleText.exact(Output.safe(objects.joined(separator: ", "))))
        }
        if let rows = approval.rowsEstimate { Output.line("  rows, as the target estimates: \(rows)") }
        Output.line("  rules: " + Output.safe(approval.rules.joined(separator: ", ")))
        if let message = approval.message, approval.accessSeconds == nil { Output.line("  " + Output.safe(message)) }
        if whole {
            writeHistory()
            writeLocks()
        }
        writeState()
    }

    private func writeWho() {
        let agent = approval.agent?.name.map { " through " + $0 } ?? ""
        let database = approval.database.isEmpty ? "" : ", database \(approval.database)"
        Output.line("  " + Output.safe("\(approval.requester.label)\(agent) on \(approval.connection)\(database)"))
        guard let agent = approval.agent else { return }
        let parts = [
            agent.onBehalfOf.map { "for \($0)" }, agent.run.map { "run \($0)" }, agent.purpose.map { "purpose: \($0)" },
        ].compactMap { $0 }
        guard !parts.isEmpty else { return }
        let trust = agent.trust == "claimed" ? " (as it says itself)" : ""
        Output.line("  " + VisibleText.exact(Output.safe(parts.joined(separator: ", ") + trust)))
    }

    private func writeHistory() {
        guard let history = approval.history else { return }
        Output.line(history.isEmpty ? "  the session did nothing before" : "  before that, the session did:")
        for command in history {
            let rows = command.rows.map { ", \($0) rows" } ?? ""
            let end = [command.outcome, command.code].compactMap { $0 }.joined(separator: " ") + rows
            let time = command.at.prefix(19)
            Output.line(
                "    " + Output.styled("\(time)Z", .faint) + "  " + command.verdict + (end.isEmpty ? "" : ", " + end))
            write(text: command.text, indent: "      ")
        }
    }

    private func writeLocks() {
        guard let locks = approval.locks else { return }
        switch (locks.state, locks.held ?? []) {
        case ("asking", _): Output.line("  locks of its transaction: the target has not answered yet")
        case ("known", let held):
            let waiting = locks.waiting ?? 0
            let others = waiting > 0 ? ", and \(waiting) other\(waiting == 1 ? " waits" : "s wait") for it" : ""
            Output.line(held.isEmpty ? "  it holds no locks" + others : "  it holds these locks" + others + ":")
            for lock in held { Output.line("    " + VisibleText.exact(Output.safe("\(lock.object)  \(lock.mode)"))) }
        default: Output.line("  locks of its transaction: unknown")
        }
    }

    private func writeState() {
        Output.line(
            "  \(approval.approvals.count) of \(approval.count) by "
                + Output.safe(approval.groups.joined(separator: ", ")) + ", until \(approval.expires)")
        for (decision, word) in approval.approvals.map({ ($0, "approved") })
            + (approval.denial.map { [($0, "denied")] } ?? [])
        {
            let reason = decision.reason.map { ": " + $0 } ?? ""
            Output.line("  \(word) by " + Output.safe(decision.by.label + reason))
        }
        if approval.isDeferred == true, approval.state == "pending" {
            Output.line("  the client does not wait: once approved, its command passes when it is sent again")
        }
        if let until = approval.usableUntil { Output.line("  not used yet; void after \(until)") }
        if approval.state == "pending" { Output.line("  approve with: sallyport approve \(approval.id)") }
    }

    private func write(text: String, indent: String = "    ") {
        let lines = VisibleText.exact(Output.safe(text, keepingLines: true)).split(separator: "\n")
        for line in lines { Output.line(indent + line) }
    }
}
