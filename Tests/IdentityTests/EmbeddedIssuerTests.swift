import Foundation
import GatewayCore
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

    @Test func refusesAKeyThatOthersMayRead() async throws {
        let data = try folder()
        defer { try? FileManager.default.removeItem(atPath: data) }
        _ = try EmbeddedIssuer(dataFolder: data)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: data + "/issuer/signing-key.pem")
        #expect(await code { _ = try EmbeddedIssuer(dataFolder: data) } == "issuer.key")
    }
}
