import CredentialVault
import Crypto
import Foundation
import GatewayCore
import Testing

private func code(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "fine"
    } catch let error as GatewayError {
        return error.code.description
    } catch {
        return "\(error)"
    }
}

@Suite struct VaultTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "vault-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func bytes(_ key: SymmetricKey) -> [UInt8] { key.withUnsafeBytes(Array.init) }

    @Test func keyFileIsMadeOnceAndMustBePrivate() throws {
        try withFolder { folder in
            let path = folder + "/vault.key"
            let first = try VaultKeySource.file(path).load().derive(.sessionKeyWrapping)
            #expect(bytes(try VaultKeySource.file(path).load().derive(.sessionKeyWrapping)) == bytes(first))
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["vault.key"])
            for mode in [0o640, 0o604, 0o620] {
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
                #expect(code { _ = try VaultKeySource.file(path).load() } == "vault.key")
            }
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            try Data("short".utf8).write(to: URL(fileURLWithPath: path))
            #expect(code { _ = try VaultKeySource.file(path).load() } == "vault.key")
        }
    }

    @Test func purposesHaveKeysOfTheirOwn() {
        let key = VaultKey(root: SymmetricKey(data: [UInt8](repeating: 7, count: 32)))
        let purposes: [VaultKey.Purpose] = [
            .sessionKeyWrapping, .approvalDigest, .maskHash(connection: "a"), .maskHash(connection: "b"),
            .other("approval-digest"),
        ]
        #expect(Set(purposes.map { bytes(key.derive($0)) }).count == purposes.count)
        #expect(bytes(key.derive(.approvalDigest)) == bytes(key.derive(.approvalDigest)))
        #expect("\(key)" == "‹vault key›")
    }

    @Test func commandAndEnvironmentGiveKeys() throws {
        let digits = String(repeating: "0a", count: 32)
        let expected = VaultKey(root: SymmetricKey(data: [UInt8](repeating: 10, count: 32))).derive(.approvalDigest)
        #expect(
            bytes(try VaultKeySource.command(["/bin/echo", digits]).load().derive(.approvalDigest)) == bytes(expected))
        for arguments in [
            [], ["echo", digits], ["/bin/false"], ["/bin/echo", "x"], ["/bin/echo", digits + "00"], ["/nonexistent"],
        ] {
            #expect(code { _ = try VaultKeySource.command(arguments).load() } == "vault.key", "\(arguments)")
        }
        #expect(code { _ = try VaultKeySource.environment("SALLYPORT_TEST_ABSENT").load() } == "vault.key")
    }

    @Test func secretsDoNotPrint() {
        let secret = Secret(text: "hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in [
            "\(secret)", String(reflecting: secret), dumped, "\([secret])", "\(SecretReference.literal(secret))",
        ] {
            #expect(!text.contains("hunter2"))
            #expect(text.contains("‹secret›"))
        }
        #expect(secret == Secret(text: "hunter2"))
        #expect(!(secret == Secret(text: "hunter3")) && !(secret == Secret(text: "hunter22")))
        #expect(Secret(text: "").count == 0)
    }

    @Test func referencesResolveLateAndNameThemselves() throws {
        try withFolder { folder in
            let path = folder + "/password"
            #expect(code { _ = try SecretReference.file(path).resolve() } == "secret.missing")
            try Data("s3cret\r\n".utf8).write(to: URL(fileURLWithPath: path))
            #expect(try SecretReference.file(path).resolve() == Secret(text: "s3cret"))
            try Data("\n".utf8).write(to: URL(fileURLWithPath: path))
            #expect(code { _ = try SecretReference.file(path).resolve() } == "secret.missing")
            try Data(count: 65_537).write(to: URL(fileURLWithPath: path))
            #expect(code { _ = try SecretReference.file(path).resolve() } == "secret.missing")
            #expect(code { _ = try SecretReference.file(folder).resolve() } == "secret.missing")
        }
        #expect(try SecretReference.environment("PATH").resolve().count > 0)
        do {
            _ = try SecretReference.environment("SALLYPORT_TEST_ABSENT").resolve()
            Issue.record("resolved")
        } catch {
            #expect(error.message.contains("SALLYPORT_TEST_ABSENT"))
        }
    }
}
