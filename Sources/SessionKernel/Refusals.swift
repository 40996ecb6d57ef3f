import AccessPolicy
import GatewayCore

/// The gateway's own words, in one place. Codes are SQLSTATEs (PostgreSQL appendix A); other dialects map them.
enum Refusals {
    static func blocked(_ verdict: Verdict) -> Refusal {
        var refusal = Refusal(
            message: verdict.message ?? "This command is not allowed here.",
            hint: verdict.decidedBy.isEmpty
                ? nil : "Refused by \(quoted(verdict.decidedBy)). Ask the owners of this connection if you need it.")
        refusal.rules = verdict.decidedBy
        if let code = verdict.code { refusal.code = code }
        return refusal
    }

    static func denied(by approver: String, reason: String?) -> Refusal {
        Refusal(
            message: "The request to run this command was denied by \(approver).", detail: reason,
            hint: "Talk to \(approver), then send the command again to ask once more.")
    }

    static func expired(_ verdict: Verdict) -> Refusal {
        Refusal(
            message: "Nobody approved this command within \(verdict.hold?.within ?? 0) seconds.",
            hint: "Send it again to ask once more, while someone of \(quoted(verdict.hold?.groups ?? [])) is there.")
    }

    /// The client is not kept waiting any longer; the approval stays open.
    static func deferred(_ approval: RecordID, _ verdict: Verdict) -> Refusal {
        var refusal = Refusal(
            message: "This command waits for approval \(approval).",
            detail: "Nobody decided within \(verdict.hold?.wait ?? 0) seconds, and the request stays open.",
            hint: "Send exactly the same command again: once someone of \(quoted(verdict.hold?.groups ?? [])) "
                + "has run `sallyport approve \(approval)`, it passes, once. Give it up with: sallyport withdraw \(approval)"
        )
        refusal.rules = verdict.decidedBy
        refusal.approval = approval
        return refusal
    }

    static let withdrawn = Refusal(
        message: "The request to run this command was withdrawn.", hint: "Send the command again to ask once more.")

    static func deskFailed(_ why: String) -> Refusal {
        Refusal(code: "58000", message: "The approval could not be asked for: \(why)")
    }

    static func holdNotice(_ approval: RecordID, until: Timestamp?, _ verdict: Verdict) -> HoldNotice {
        let deadline = until.map { ", which can be given until \($0)" } ?? ""
        return HoldNotice(
            approvalID: approval,
            message: (verdict.message.map { $0 + " " } ?? "") + "Waiting for approval \(approval)\(deadline).",
            hint: "Someone of \(quoted(verdict.hold?.groups ?? [])) can run: sallyport approve \(approval)")
    }

    static func tooManyRows(_ rows: Int) -> Refusal {
        Refusal(
            code: "54000", message: "The answer has more than \(rows) rows, the limit of this connection.",
            hint: "Narrow the query, or ask for a higher limits.rows.")
    }

    static func tooLong(seconds: Int) -> Refusal {
        Refusal(
            code: "57014", message: "The command ran longer than \(seconds) seconds, the limit of this connection.",
            hint: "Make it shorter, or ask for a higher limits.seconds.")
    }

    static let cancelled = Refusal(code: "57014", message: "canceling statement due to user request")

    static let ledgerFailed = Refusal(
        code: "58030", message: "The gateway can no longer record, so nothing may pass.",
        hint: "Its operator finds the reason at /readyz.")

    private static func quoted(_ names: [String]) -> String {
        names.map { "\"\($0)\"" }.joined(separator: ", ")
    }
}
