import CredentialVault
import GatewayCore
import Yams

/// Reads `notify`.
struct NotifyReader {
    let context: ReadingContext

    func read(_ value: Value) -> [NotifyConfiguration] {
        var receivers: [NotifyConfiguration] = []
        var lines: [String: Int] = [:]
        for element in value.list() {
            guard var receiver = readOne(element) else { continue }
            let line = element.mark?.line ?? 0
            if let first = lines[receiver.name] {
                let isNamed = element.node.mapping?["name"] != nil
                if isNamed {
                    element.problem(
                        "there are two receivers named `\(receiver.name)`, the first in line \(first)",
                        fix: "give each a name of its own; logs and metrics go by it")
                }
                var number = 2
                while lines["\(receiver.name)-\(number)"] != nil { number += 1 }
                receiver.name += "-\(number)"
            }
            lines[receiver.name] = line
            receivers.append(receiver)
        }
        return receivers
    }

    private func readOne(_ value: Value) -> NotifyConfiguration? {
        guard let section = value.section(["name", "webhook", "slack", "secret", "timeout", "authority"]) else {
            return nil
        }
        let receiver: NotifyConfiguration.Receiver?
        let kind: String
        switch (section["webhook"], section["slack"]) {
        case (let webhook?, nil):
            kind = "webhook"
            receiver = readWebhook(webhook, section)
        case (nil, let slack?):
            kind = "slack"
            section["secret"]?.problem(
                "`secret` is of a webhook; a Slack URL is the secret itself", fix: "remove it here")
            receiver = readSlack(slack)
        default:
            value.problem(
                "a receiver is one of webhook and slack",
                fix: "write {webhook: https://…, secret: {env: NAME}} or {slack: {env: NAME}}")
            return nil
        }
        let name = section.read("name", or: kind) { ReceiverReading.name($0) }
        let timeout = section.read("timeout", or: 10) { $0.duration(1...60) }
        let authority = section["authority"].flatMap { context.file($0) }
        guard let name, let timeout, let receiver else { return nil }
        return NotifyConfiguration(name: name, receiver: receiver, timeout: timeout, authority: authority)
    }

    private func readWebhook(_ value: Value, _ section: Section) -> NotifyConfiguration.Receiver? {
        let url = ReceiverReading.url(value)
        let secret = section.required(
            "secret", "write secret: {env: NAME}; make one with: echo whsec_$(openssl rand -base64 32)")
        guard let url, let secret else { return nil }
        let secrets = ReceiverReading.secrets(secret, context)
        return secrets.isEmpty ? nil : .webhook(url: url, secrets: secrets)
    }

    private func readSlack(_ value: Value) -> NotifyConfiguration.Receiver? {
        guard let reference = context.secret(value) else { return nil }
        if context.checksSecrets, let secret = try? reference.resolve(), ReceiverReading.url(of: secret) == nil {
            // Not shown: it is a secret.
            value.problem(
                "this is no https URL", fix: "copy the incoming webhook's URL into it; http is for loopback only")
            return nil
        }
        return .slack(url: reference)
    }
}
