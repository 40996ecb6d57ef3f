import AuditLedger
import Foundation
import Yams

/// Reads `ledger`: the log's name and who witnesses it.
struct LedgerReader {
    let context: ReadingContext

    func read(_ value: Value) -> LedgerConfiguration {
        var ledger = LedgerConfiguration()
        guard let section = value.section(["origin", "key", "witnesses", "require", "max_unwitnessed"]) else {
            return ledger
        }
        ledger.origin = section["origin"].flatMap(readOrigin)
        ledger.key = section["key"].flatMap { context.secret($0) }
        var lines: [String: Int] = [:]
        for element in section["witnesses"]?.list() ?? [] {
            guard let witness = readWitness(element) else { continue }
            if let line = lines[witness.key.name] {
                element.problem(
                    "this witness is listed already, in line \(line)",
                    fix: "list each witness once; two lines are not two witnesses")
            }
            lines[witness.key.name] = element.mark?.line ?? 0
            ledger.witnesses.append(witness)
        }
        if let value = section["require"], let required = value.int(0...100) {
            ledger.required = required
            if required > ledger.witnesses.count {
                value.problem(
                    "\(required) witnesses are required and \(ledger.witnesses.count) listed, so no checkpoint would ever be published",
                    fix: "list more witnesses or require fewer")
            }
        }
        if let value = section["max_unwitnessed"], let seconds = value.duration(5...86_400) {
            ledger.maximumUnwitnessed = seconds
            if ledger.witnesses.isEmpty {
                value.problem("there are no witnesses, so no session would be admitted", fix: "list witnesses")
            }
        }
        return ledger
    }

    private func readOrigin(_ value: Value) -> String? {
        guard let origin = value.text() else { return nil }
        let isName =
            origin.utf8.count <= 200
            && origin.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "+" && !$0.properties.isWhitespace }
        guard isName else {
            value.problem(
                "an origin has no spaces and no plus signs, and at most 200 bytes",
                fix: "write a name such as gw-1.example.com")
            return nil
        }
        return origin
    }

    private func readWitness(_ value: Value) -> WitnessConfiguration? {
        guard let section = value.section(["url", "key", "authority"]),
            let url = section.required("url", "write the prefix of the witness's add-checkpoint").flatMap(readURL),
            let key = section.required("key", "write what `sallyport witness key` prints there").flatMap(readKey)
        else { return nil }
        return WitnessConfiguration(url: url, key: key, authority: section["authority"].flatMap { context.file($0) })
    }

    /// Without a slash at its end.
    private func readURL(_ value: Value) -> String? {
        guard let text = value.text() else { return nil }
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty,
            parts.query == nil, parts.fragment == nil, parts.user == nil, parts.password == nil,
            parts.scheme == "https" || parts.scheme == "http" && Endpoint(host: host, port: 0).isLoopback
        else {
            value.problem(
                "a witness's https URL is expected\(value.shown)",
                fix: "write https://witness.example.com; http is for loopback only")
            return nil
        }
        return String(text.reversed().drop { $0 == "/" }.reversed())
    }

    private func readKey(_ value: Value) -> NoteVerifierKey? {
        guard let text = value.text() else { return nil }
        do throws(LedgerFormatError) {
            let key = try NoteVerifierKey(text)
            if key.algorithm == .cosignatureV1 { return key }
            value.problem("this is a log's key, not a witness's", fix: "write what `sallyport witness key` prints")
        } catch {
            value.problem("this is no verifier key: \(error.reason)", fix: "write what `sallyport witness key` prints")
        }
        return nil
    }
}
