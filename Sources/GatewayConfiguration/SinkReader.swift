import AuditLedger
import CredentialVault
import Foundation
import GatewayCore
import Yams

/// Reads `sinks`.
struct SinkReader {
    let context: ReadingContext
    /// The data folder, which no sink may write into.
    let data: String?

    private static let common: Set<String> = ["name", "kind", "format", "from"]

    func read(_ value: Value) -> [SinkConfiguration] {
        var sinks: [SinkConfiguration] = []
        var lines: [String: Int] = [:]
        var paths: [String: Int] = [:]
        for element in value.list() {
            guard let sink = readSink(element) else { continue }
            let line = element.mark?.line ?? 0
            if let first = lines[sink.name] {
                element.problem(
                    "there are two sinks named `\(sink.name)`, the first in line \(first)",
                    fix: "give each a name of its own; by it the gateway remembers how far it has come")
            }
            lines[sink.name] = line
            if case .file(let file) = sink.destination {
                if let first = paths[file.path] {
                    element.problem(
                        "the sink in line \(first) writes \(file.path) too", fix: "give each a file of its own")
                }
                paths[file.path] = line
            }
            sinks.append(sink)
        }
        return sinks
    }

    private func readSink(_ value: Value) -> SinkConfiguration? {
        // The kind decides which keys there are, so it is read first.
        let kind = value.node.mapping?["kind"]
        switch kind?.scalar?.string {
        case "file": return readFile(value)
        case "https": return readHTTPS(value)
        case let other? where ["syslog-tls", "otlp"].contains(other):
            value.log.problem(
                kind?.mark, value.path + ".kind", "sinks of kind \(other) are not available in this version",
                fix: "use kind: file or https, or remove the sink")
        case let other?:
            value.log.problem(
                kind?.mark, value.path + ".kind", "there is no kind `\(other.prefix(60))`",
                fix: value.suggestion(other, ["file", "https"]))
        case nil:
            if value.node.mapping == nil {
                value.problem("a mapping is expected", fix: "write {name: siem, kind: file, path: ./events.jsonl}")
            } else {
                value.problem("`kind` is missing", fix: "write kind: file or https")
            }
        }
        return nil
    }

    private func make(
        _ section: Section, kind: String, _ destination: SinkConfiguration.Destination?
    ) -> SinkConfiguration? {
        let name = section.read("name", or: kind) { ReceiverReading.name($0) }
        let format = section.read("format", or: .json) { readFormat($0) }
        let start = section.read("from", or: .start) { $0.choice(SinkConfiguration.Start.self) }
        guard let name, let format, let start, let destination else { return nil }
        return SinkConfiguration(name: name, format: format, start: start, destination: destination)
    }

    private func readFormat(_ value: Value) -> ExportFormat? {
        if value.rawText == "cef" {
            value.problem("the format cef is not available in this version", fix: "write json or ocsf")
            return nil
        }
        return value.choice(ExportFormat.self)
    }

    // MARK: File

    private func readFile(_ value: Value) -> SinkConfiguration? {
        guard let section = value.section(Self.common.union(["path", "rotate", "mode"])) else { return nil }
        let path = section.required("path", "write path: ./events.jsonl").flatMap(readPath)
        var file = FileSinkConfiguration(path: path ?? "")
        if let rotate = section["rotate"]?.section(["size", "keep"]) {
            if let size = rotate["size"]?.size(64 << 10...1 << 40) { file.size = size }
            if let keep = rotate["keep"]?.int(1...100_000) { file.keep = keep }
        }
        if let mode = section["mode"] {
            guard let bits = ["0600": 0o600, "0640": 0o640, "0644": 0o644][mode.rawText ?? ""] as UInt32? else {
                mode.problem("these permissions cannot be given\(mode.shown)", fix: "write 0600, 0640 or 0644")
                return nil
            }
            file.mode = bits
        }
        return make(section, kind: "file", path.map { _ in .file(file) })
    }

    private func readPath(_ value: Value) -> String? {
        guard let path = context.path(value) else { return nil }
        if let data, path == data || path.hasPrefix(data + "/") {
            value.problem("the file lies in the data folder", fix: "write a path outside \(data)")
            return nil
        }
        guard context.checksSecrets else { return path }
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder.isEmpty ? "/" : folder, isDirectory: &isFolder),
            isFolder.boolValue
        else {
            value.problem("there is no folder \(folder)", fix: "make it, writable for the gateway")
            return nil
        }
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            value.problem("\(path) is a folder", fix: "write the path of a file in it")
            return nil
        }
        return path
    }

    // MARK: HTTPS

    private func readHTTPS(_ value: Value) -> SinkConfiguration? {
        let own: Set<String> = ["url", "secret", "headers", "body", "batch", "timeout", "authority"]
        guard let section = value.section(Self.common.union(own)) else { return nil }
        let url = section.required("url", "write url: https://…").flatMap(ReceiverReading.url)
        let secrets = section["secret"].map { ReceiverReading.secrets($0, context) } ?? []
        let headers = section["headers"].map(readHeaders) ?? []
        if section["secret"] == nil, section["headers"] == nil {
            value.problem(
                "without `secret` and `headers` the receiver could not tell these requests from forged ones",
                fix: "write secret: {env: NAME}; make one with: echo whsec_$(openssl rand -base64 32)")
        }
        let body = section.read("body", or: .webhook) { $0.choice(HTTPSSinkConfiguration.Body.self) }
        var sink = HTTPSSinkConfiguration(
            url: url ?? "", secrets: secrets, headers: headers, body: body ?? .webhook,
            authority: section["authority"].flatMap { context.file($0) })
        if let batch = section["batch"]?.section(["events", "bytes", "wait"]) {
            if let events = batch["events"]?.int(1...10_000) { sink.events = events }
            if let bytes = batch["bytes"]?.size(1 << 10...16 << 20) { sink.bytes = bytes }
            if let wait = batch["wait"]?.duration(1...3600) { sink.wait = wait }
        }
        if let timeout = section["timeout"]?.duration(1...300) { sink.timeout = timeout }
        return make(section, kind: "https", url == nil || body == nil ? nil : .https(sink))
    }

    private func readHeaders(_ value: Value) -> [(name: String, value: SecretReference)] {
        guard let mapping = value.node.mapping else {
            value.problem("a mapping is expected", fix: "write {Authorization: {env: NAME}}")
            return []
        }
        var headers: [(name: String, value: SecretReference)] = []
        for (key, node) in mapping {
            let name = key.scalar?.string ?? ""
            let one = Value(
                node: node, path: value.path + "." + name, mark: node.mark ?? key.mark, log: value.log)
            let own: Set<String> = [
                "host", "content-type", "content-length", "transfer-encoding", "connection", "user-agent",
                "webhook-id", "webhook-timestamp", "webhook-signature",
            ]
            let isToken =
                !name.isEmpty
                && name.utf8.allSatisfy { byte in
                    byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "-")
                        || byte == UInt8(ascii: "_")
                }
            guard isToken, !own.contains(name.lowercased()),
                !headers.contains(where: { $0.name.lowercased() == name.lowercased() })
            else {
                one.problem(
                    "this header cannot be set here", fix: "name another, each once; the gateway sets the usual ones")
                continue
            }
            guard let reference = context.secret(one) else { continue }
            if context.checksSecrets, let secret = try? reference.resolve(),
                secret.withBytes({ $0.contains { $0 < 0x20 || $0 >= 0x7F } })
            {
                one.problem("a header's value is printable ASCII on one line", fix: "correct it where it is kept")
            }
            headers.append((name, reference))
        }
        return headers
    }
}
