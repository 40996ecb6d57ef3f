import Hummingbird

/// For orchestrators and Prometheus: no token asked, nothing told about anybody.
struct HealthRoutes {
    struct Health: Codable {
        var status: String
        var reasons: [String]?
    }

    let services: ConsoleServices

    func add(to router: Router<ConsoleContext>) {
        let services = self.services
        router.get("healthz") { _, _ in ConsoleJSON.response(Health(status: "ok")) }
        router.get("readyz") { _, _ in
            let reasons = services.unreadiness()
            return reasons.isEmpty
                ? ConsoleJSON.response(Health(status: "ready", reasons: []))
                : ConsoleJSON.response(Health(status: "not_ready", reasons: reasons), status: .serviceUnavailable)
        }
        router.get("metrics") { _, _ in
            ConsoleJSON.response(
                bytes: Array(MetricsText.render(services.metrics()).utf8),
                type: "text/plain; version=0.0.4; charset=utf-8")
        }
    }
}

/// Prometheus text exposition format 0.0.4.
enum MetricsText {
    static func render(_ metrics: [ConsoleServices.Metric]) -> String {
        var text = ""
        var last: String?
        for metric in metrics {
            let value = Int64(exactly: metric.value).map { String($0) } ?? String(metric.value)
            if metric.name != last {
                let help = escape(metric.help)
                text += "# HELP \(metric.name) \(help)\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
                last = metric.name
            }
            let labels = metric.labels.map { label in
                label.name + "=\"" + escape(label.value).replacing("\"", with: "\\\"") + "\""
            }
            text += metric.name + (labels.isEmpty ? "" : "{" + labels.joined(separator: ",") + "}") + " \(value)\n"
        }
        return text
    }

    private static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }
}
