import Foundation
import GatewayCore
import Glibc
import Identity
import Testing

@Suite struct EmbeddedIssuerTests {
    private func folder() throws -> String {
        let path = NSTemporaryDirectory() + "identity-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        return path
    }

    @Test func mintsWhatTheVerifierAccepts() async throws {
        let data = try folder()
        defer { try? FileManager.default.removeItem(atPath: data) }
        let issuer = try EmbeddedIssuer(dataFolder: data)
        let token = try issuer.mint(.init(subject: "alice", groups: ["dev"], agent: "bot", run: "r", purpose: "p"))
        let again = try EmbeddedIssuer(dataFolder: data)
        let verifier = TokenVerifier(issuers: [(again.configuration, again.keys)])
        let identity = try await verifier.verify(token)
        #expect(identity.principal.isPersonIssuer && identity.principal.issuer == "sallyport:local")
        #expect(identity.principal.groups == ["dev"] && identity.agent.agent == "bot" && identity.tokenID != nil)
        let mode =
            try FileManager.default.attributesOfItem(atPath: data + "/issuer/signing-key.pem")[.posixPermissions]
            as? Int
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: data + "/issuer") == ["signing-key.pem"])
        #expect(await code { _ = try issuer.mint(.init(subject: "")) } == "mint.invalid")
        #expect(await code { _ = try issuer.mint(.init(subject: "a", ttl: 0)) } == "mint.invalid")
    }

    @Test func racingProcessesAgreeOnOneKey() async throws {
        let data = try folder()
        defer { try? FileManager.default.removeItem(atPath: data) }
        let tokens = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<16 { group.addTask { try? EmbeddedIssuer(dataFolder: data).mint(.init(subject: "a")) } }
            return await group.reduce(into: [String]()) { if let token = $1 { $0.append(token) } }
        }
        #expect(tokens.count == 16)
        let issuer = try EmbeddedIssuer(dataFolder: data)
        let verifier = TokenVerifier(issuers: [(issuer.configuration, issuer.keys)])
        for token in tokens { _ = try await verifier.verify(token) }
    }

    /// Root mints for a service account whose data folder that account may fill with what it likes.
    @Test func doesNotFollowALinkInPlaceOfTheFolder() async throws {
        let data = try folder()
        let elsewhere = try folder()
        defer {
            for path in [data, elsewhere] { try? FileManager.default.removeItem(atPath: path) }
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: elsewhere)
        for target in [elsewhere, data + "/nothing"] {
            try FileManager.default.createSymbolicLink(atPath: data + "/issuer", withDestinationPath: target)
            #expect(await code { _ = try EmbeddedIssuer(dataFolder: data) } == "issuer.key")
            try FileManager.default.removeItem(atPath: data + "/issuer")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere).isEmpty)
    }

    @Test func theFolderBelongsToWhoOwnsTheDataFolder() async throws {
        guard geteuid() == 0 else { return }
        let data = try folder()
        defer { try? FileManager.default.removeItem(atPath: data) }
        try FileManager.default.setAttributes([.ownerAccountID: 65_534], ofItemAtPath: data)
        _ = try EmbeddedIssuer(dataFolder: data)
        for path in ["/issuer", "/issuer/signing-key.pem"] {
            let owner = try FileManager.default.attributesOfItem(atPath: data + path)[.ownerAccountID] as? Int
            #expect(owner == 65_534, "\(path)")
        }
    }

    @Test func refusesAKeyThatOthersMayRead() async throws {
        let data = try folder()
        defer { try? FileManager.default.removeItem(atPath: data) }
        _ = try EmbeddedIssuer(dataFolder: data)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: data + "/issuer/signing-key.pem")
        #expect(await code { _ = try EmbeddedIssuer(dataFolder: data) } == "issuer.key")
    }
}
