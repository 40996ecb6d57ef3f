import CredentialVault
import DataMasking
import Foundation
import GatewayCore
import Identity
import Yams

/// What every part of the reading needs: the folder that relative paths start from, and whether secrets must be there.
struct ReadingContext {
    let folder: String
    let checksSecrets: Bool
    /// Issuers that a list may name.
    var issuers: Set<String> = []
    /// The file's own detectors, by name.
    var detectors: [String: Detector] = [:]

    func path(_ value: Value) -> String? { value.text().map(absolute) }

    func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path.hasPrefix("/") ? path : folder + "/" + path).standardizedFileURL.path
    }

    /// The path of a file that must be there.
    func file(_ value: Value) -> String? {
        guard let path = path(value) else { return nil }
        var isFolder: ObjCBool = false
        guard !checksSecrets || FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
            !isFolder.boolValue
        else {
            value.problem(
                "there is no file \(path)",
                fix: "correct the path; relative ones start at the configuration file's folder")
            return nil
        }
        return path
    }

    /// A literal, `{env: NAME}` or `{file: path}`. The value itself is in no message.
    func secret(_ value: Value) -> SecretReference? {
        if value.node.scalar != nil {
            guard !value.isNull, let text = value.rawText, !text.isEmpty else {
                value.problem("the secret is empty", fix: "write {env: NAME} or {file: path}")
                return nil
            }
            value.log.warning(
                value.mark, value.path, "the secret stands in the file for all its readers",
                fix: "write {env: NAME} or {file: path}")
            return .literal(Secret(text: text))
        }
        guard let section = value.section(["env", "file"], later: ["vault", "command"]) else { return nil }
        let reference: SecretReference
        switch (section["env"], section["file"]) {
        case (let env?, nil):
            guard let name = env.text() else { return nil }
            reference = .environment(name)
        case (nil, let file?):
            guard let path = path(file) else { return nil }
            reference = .file(path)
        default:
            value.problem(
                "a secret is either in the environment or in a file", fix: "write {env: NAME} or {file: path}")
            return nil
        }
        guard checksSecrets else { return reference }
        do throws(GatewayError) {
            _ = try reference.resolve()
        } catch {
            value.problem(
                String(error.message.prefix { $0 != "\n" }.dropLast(error.message.hasSuffix(".") ? 1 : 0)),
                fix: "set it before the gateway starts")
        }
        return reference
    }

    /// Groups, subjects and issuers; a list that admits nobody is a problem.
    /// - Parameter others: keys that the mapping may have besides, and that may stand alone.
    func accessList(_ value: Value, besides others: Set<String> = []) -> AccessList? {
        guard let section = value.section(others.union(["groups", "subjects", "issuers"])) else { return nil }
        if section["groups"] == nil, section["subjects"] == nil, others.allSatisfy({ section[$0] == nil }) {
            value.problem("the list admits nobody", fix: "name groups or subjects")
            return nil
        }
        var list = AccessList(
            groups: Set(section["groups"]?.texts() ?? []), subjects: Set(section["subjects"]?.texts() ?? []))
        if let named = section["issuers"] {
            for element in named.list() {
                guard let issuer = element.text(), !issuers.contains(issuer) else { continue }
                element.problem(
                    "`\(issuer.prefix(100))` is no configured issuer, so nobody could match",
                    fix: issuers.isEmpty
                        ? "add it under identity.issuers" : element.suggestion(issuer, issuers.sorted()))
            }
            list.issuers = Set(named.node.sequence == nil ? [named.rawText ?? ""] : named.list().compactMap(\.rawText))
        }
        return list
    }
}
