import Foundation
import GatewayCore

/// A notification as JSON: `type`, `timestamp` and `data`, as Standard Webhooks 1.0.0 recommends.
package enum WebhookNotification {
    private struct Person: Encodable {
        var issuer: String
        var subject: String
        var name: String?

        init(_ principal: Principal) {
            issuer = principal.issuer
            subject = principal.subject
            name = principal.name
        }
    }

    private struct Body: Encodable {
        var approval: String?
        var requester: Person
        var agent: String?
        var run: String?
        var onBehalfOf: String?
        var session: String?
        var connection: String
        var database: String
        var verb: String?
        var objects: [String]
        var rules: [String]
        var message: String?
        var groups: [String]?
        var count: Int?
        var approvals: Int?
        var expires: String?
        var accessSeconds: Int?
        var by: Person?
        var link: String?
    }

    private struct Message: Encodable {
        var type: String
        var timestamp: String
        var data: Body
    }

    package static func encoded(_ notification: ApprovalNotification, link: String?) throws -> [UInt8] {
        let isApproval = notification.approval != nil
        let data = Body(
            approval: notification.approval?.description, requester: Person(notification.requester),
            agent: notification.agent.agent, run: notification.agent.run, onBehalfOf: notification.agent.onBehalfOf,
            session: notification.session?.description, connection: notification.connection,
            database: notification.database, verb: notification.verb.isEmpty ? nil : notification.verb,
            objects: notification.objects, rules: notification.rules, message: notification.message,
            groups: isApproval ? notification.groups : nil, count: isApproval ? notification.count : nil,
            approvals: isApproval ? notification.approvals : nil, expires: notification.expires?.description,
            accessSeconds: notification.access, by: notification.by.map(Person.init), link: link)
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let message = Message(
            type: notification.kind.rawValue, timestamp: notification.at.description, data: data)
        return Array(try encoder.encode(message))
    }
}
