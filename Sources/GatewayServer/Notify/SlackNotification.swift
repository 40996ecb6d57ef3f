import AccessPolicy
import Foundation
import GatewayCore

/// A notification as a message of Slack, and of what takes the same: `{"text": …}` with links as `<url|words>`.
///
/// What clients and tokens say stands as code, so that it neither links, nor calls anybody, nor formats.
package enum SlackNotification {
    package static func encoded(_ notification: ApprovalNotification, link: String?) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(["text": text(notification, link: link)]))
    }

    package static func text(_ notification: ApprovalNotification, link: String?) -> String {
        var lines = ["*\(title(notification))*"]
        let agent = notification.agent.agent.map { " through \(quoted($0))" } ?? ""
        let run = notification.agent.run.map { ", run \(quoted($0))" } ?? ""
        lines.append(
            quoted(notification.requester.name ?? notification.requester.subject) + agent + run + what(notification))
        let rules = notification.rules.map(quoted).joined(separator: ", ")
        if !rules.isEmpty, notification.access == nil { lines.append("Rules: \(rules)") }
        if let message = notification.message { lines.append(quoted(message)) }
        switch notification.kind {
        case .requested:
            let groups = notification.groups.map(quoted).joined(separator: ", ")
            let until = notification.expires.map { ", until \(time($0))" } ?? ""
            lines.append("\(notification.count) of \(groups) must approve\(until).")
        case .approved:
            lines.append("\(notification.approvals) of \(notification.count), by \(person(notification.by)).")
        case .denied, .withdrawn:
            if notification.by != nil { lines.append("By \(person(notification.by)).") }
        case .expired, .brokenGlass: break
        }
        if let approval = notification.approval {
            let words = notification.kind == .requested ? "Look at it and decide" : "Look at it"
            lines.append(link.map { "<\($0)|\(words)>" } ?? "`sallyport approvals \(approval)`")
        }
        return lines.joined(separator: "\n")
    }

    private static func title(_ notification: ApprovalNotification) -> String {
        let isGranted = notification.approvals >= notification.count
        return switch notification.kind {
        case .requested: notification.access == nil ? "Approval needed" : "Access asked for"
        case .approved: isGranted ? "Approved" : "Approved by one, more needed"
        case .denied: "Denied"
        case .expired: "Expired"
        case .withdrawn: "Withdrawn"
        case .brokenGlass: ":rotating_light: Glass broken"
        }
    }

    private static func what(_ notification: ApprovalNotification) -> String {
        let connection = quoted(notification.connection)
        if let seconds = notification.access { return ": access to \(connection) for \(seconds / 60) min" }
        let verb = notification.verb.isEmpty ? "a command" : quoted(notification.verb)
        let objects = notification.objects.prefix(5).map(quoted).joined(separator: ", ")
        let more = notification.objects.count > 5 ? " and \(notification.objects.count - 5) more" : ""
        return ": \(verb)" + (objects.isEmpty ? "" : " on \(objects)\(more)") + ", connection \(connection)"
    }

    private static func person(_ principal: Principal?) -> String {
        principal.map { quoted($0.name ?? $0.subject) } ?? "nobody"
    }

    private static func time(_ time: Timestamp) -> String {
        time.description.prefix(16).replacing("T", with: " ") + " UTC"
    }

    /// As code, of bounded length, with what would mislead shown by number.
    package static func quoted(_ text: String) -> String {
        let shown = VisibleText.exact(VisibleText.safe(String(text.unicodeScalars.prefix(200)))).replacing(
            "`", with: "'")
        let escaped = shown.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        return escaped.isEmpty ? "` `" : "`\(escaped)`"
    }
}
