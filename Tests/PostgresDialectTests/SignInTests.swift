import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

@Suite struct ClientSignInTests {
    private func events(_ dialect: inout PostgresDialect, _ bytes: ByteBuffer) throws -> [ClientEvent] {
        var events: [ClientEvent] = []
        try dialect.receive(fromClient: bytes, into: &events)
        return events
    }

    private func fault(_ dialect: PostgresDialect, _ bytes: ByteBuffer) -> DialectFault? {
        var dialect = dialect
        var events: [ClientEvent] = []
        do throws(DialectFault) {
            try dialect.receive(fromClient: bytes, into: &events)
            return nil
        } catch {
            return error
        }
    }

    private let sslRequest = StartupMessage.request(code: 80_877_103)
    private let gssRequest = StartupMessage.request(code: 80_877_104)

    @Test func encryptionRequestsThenPassword() throws {
        var dialect = PostgresDialect(offersTLS: true, acceptsClearText: false)
        guard case .reply(let no) = try events(&dialect, gssRequest).first else {
            throw Bench.BenchFailure(message: "no reply")
        }
        #expect(no.bytes == [UInt8(ascii: "N")])
        guard case .startTLS(let yes) = try events(&dialect, sslRequest).first else {
            throw Bench.BenchFailure(message: "no TLS")
        }
        #expect(yes.bytes == [UInt8(ascii: "S")])
        dialect.clientTLSEstablished()
        let startup = FakeClient.startup([
            ("user", "orders"), ("database", "shop"), ("application_name", "agent=reporter;run=42"),
        ])
        guard case .reply(let ask) = try events(&dialect, startup).first else {
            throw Bench.BenchFailure(message: "no reply")
        }
        #expect(AuthenticationRequest(ask) == .cleartextPassword)
        let token = String(repeating: "t", count: 9000)
        guard case .signIn(let proof) = try events(&dialect, FakeClient.password(token)).first else {
            throw Bench.BenchFailure(message: "no proof")
        }
        #expect(proof.connection == "orders")
        #expect(proof.database == "shop")
        #expect(proof.token == Array(token.utf8))
        #expect(proof.isTLS)
        #expect(proof.claims.agent == "reporter")
        #expect(proof.claims.run == "42")
        #expect(proof.claims.trust == .claimed)
    }

    @Test func bytesBehindARequestForTLSAreFatal() throws {
        let dialect = PostgresDialect(offersTLS: true, acceptsClearText: false)
        #expect(fault(dialect, sslRequest + FakeClient.startup([("user", "a")])) != nil)
        var waiting = dialect
        _ = try events(&waiting, sslRequest)
        #expect(fault(waiting, ByteBuffer(integer: UInt8(0))) != nil)
        var asked = PostgresDialect(offersTLS: false, acceptsClearText: true)
        _ = try events(&asked, sslRequest)
        #expect(fault(asked, sslRequest) != nil)
    }

    @Test func clearTextIsRefusedUnlessAllowed() {
        let startup = FakeClient.startup([("user", "orders")])
        #expect(fault(PostgresDialect(offersTLS: true, acceptsClearText: false), startup)?.refusal.code == "28000")
        #expect(fault(PostgresDialect(offersTLS: false, acceptsClearText: true), startup) == nil)
    }

    @Test(arguments: [
        ("replication", "database"), ("replication", "true"), ("role", "admin"), ("session_authorization", "postgres"),
        ("standard_conforming_strings", "off"), ("client_encoding", "SJIS"), ("options", "-c role=admin"),
        ("options", "--role=admin"),
        ("options", "-c standard-conforming-strings=off"), ("options", "-crole=admin"), ("options", "-B 10"),
        ("options", "-c"),
        ("options", "-c\\ role=admin"), ("ROLE", "admin"),
    ])
    func refusedParameters(_ name: String, _ value: String) {
        #expect(
            fault(
                PostgresDialect(offersTLS: false, acceptsClearText: true),
                FakeClient.startup([("user", "a"), (name, value)])) != nil)
    }

    @Test(arguments: [
        ("replication", "false"), ("options", "-c statement_timeout=5s --search_path=a,b"),
        ("options", "-c search_path=a\\ b"),
        ("client_encoding", "utf-8"), ("DateStyle", "ISO"), ("_pq_.unknown", "1"),
    ])
    func acceptedParameters(_ name: String, _ value: String) throws {
        var dialect = PostgresDialect(offersTLS: false, acceptsClearText: true)
        _ = try events(&dialect, FakeClient.startup([("user", "a"), (name, value)]))
        _ = try events(&dialect, FakeClient.password("t"))
        dialect.signedIn(Bench.terms())
        let sent = try StartupPacket(try dialect.openTarget(TargetCredential(username: "app", password: nil)))
        guard case .startup(let message) = sent else { throw Bench.BenchFailure(message: "no start-up") }
        #expect(message["user"] == "app")
        #expect(message["database"] == "shop")
        #expect(message[name] == (name.hasPrefix("_pq_") || name == "replication" ? nil : value))
        #expect(message["client_encoding"] != nil)
    }

    @Test(arguments: [(UInt16(2), [String]()), (0, ["_pq_.x"]), (9999, ["_pq_.x", "_pq_.y"])] as [(UInt16, [String])])
    func newerMinorsAreNegotiatedDown(_ minor: UInt16, _ options: [String]) throws {
        var dialect = PostgresDialect(offersTLS: false, acceptsClearText: true)
        let startup = FakeClient.startup([("user", "a")] + options.map { ($0, "1") }, minor: minor)
        guard case .reply(var reply) = try events(&dialect, startup).first else {
            throw Bench.BenchFailure(message: "no reply")
        }
        #expect(reply.types == "vR")
        reply.moveReaderIndex(forwardBy: 5)
        #expect(reply.readInteger(as: Int32.self) == 196_608)
        #expect(reply.readInteger(as: Int32.self) == Int32(options.count))
        for option in options { #expect(reply.readCText() == option) }
    }

    @Test func cancelRequest() throws {
        var dialect = PostgresDialect(offersTLS: true, acceptsClearText: false)
        let key: [UInt8] = [0, 0, 1, 2] + Array(repeating: 5, count: 32)
        guard case .cancel(let given) = try events(&dialect, StartupMessage.request(code: 80_877_102, key: key)).first
        else {
            throw Bench.BenchFailure(message: "no cancel")
        }
        #expect(given == key)
        let long = StartupMessage.request(code: 80_877_102, key: Array(repeating: 1, count: 261))
        #expect(fault(PostgresDialect(offersTLS: true, acceptsClearText: false), long) != nil)
    }

    @Test(arguments: [Int32(-1), 0, 7, 10_001, .max, .min])
    func impossibleStartupLengths(_ length: Int32) {
        var bytes = ByteBuffer(integer: length)
        bytes.writeInteger(Int32(196_608))
        #expect(fault(PostgresDialect(offersTLS: false, acceptsClearText: true), bytes) != nil)
    }

    @Test func passwordsBeyondTheCapAndOtherMessagesAreFaults() throws {
        var dialect = PostgresDialect(offersTLS: false, acceptsClearText: true)
        _ = try events(&dialect, FakeClient.startup([("user", "a")]))
        #expect(fault(dialect, FakeClient.password(String(repeating: "x", count: 70_000))) != nil)
        #expect(fault(dialect, FakeClient.query("SELECT 1")) != nil)
        #expect(fault(dialect, FakeClient.password("")) != nil)
    }
}

@Suite struct TargetSignInTests {
    private static let secret = "correct horse"

    private func opened(_ tls: TargetTLS = .disable) throws -> (PostgresDialect, ByteBuffer) {
        var dialect = PostgresDialect(offersTLS: false, acceptsClearText: true)
        dialect.signedIn(Bench.terms(tls: tls))
        let first = try dialect.openTarget(TargetCredential(username: "app", password: Array(Self.secret.utf8)))
        return (dialect, first)
    }

    private func step(_ dialect: inout PostgresDialect, _ bytes: ByteBuffer) throws -> [TargetEvent] {
        var events: [TargetEvent] = []
        try dialect.receive(fromTarget: bytes, into: &events)
        return events
    }

    private func fault(_ dialect: PostgresDialect, _ bytes: ByteBuffer) -> DialectFault? {
        var dialect = dialect
        var events: [TargetEvent] = []
        do throws(DialectFault) {
            try dialect.receive(fromTarget: bytes, into: &events)
            return nil
        } catch {
            return error
        }
    }

    @Test func greetingCarriesTheGatewaysKeyNotTheTargets() throws {
        var (dialect, _) = try opened()
        guard case .ready(let greeting) = try step(&dialect, FakeTarget.signedIn).last else {
            throw Bench.BenchFailure(message: "not ready")
        }
        #expect(greeting.types == "RSSSKZ")
        #expect(!greeting.bytes.contains([0, 0, 0, 77, 1, 2, 3, 4]))
        #expect(greeting.bytes.contains([0, 0, 16, 146, 9, 9, 9, 9]))
    }

    @Test func tlsAnswers() throws {
        for tls in [TargetTLS.prefer, .required] {
            var (dialect, first) = try opened(tls)
            #expect(try StartupPacket(first) == .sslRequest)
            #expect(fault(dialect, ByteBuffer(string: "SX")) != nil)
            #expect(fault(dialect, ByteBuffer(string: "E")) != nil)
            #expect((fault(dialect, ByteBuffer(string: "N")) == nil) == (tls == .prefer))
            guard case .startTLS = try step(&dialect, ByteBuffer(string: "S")).first else {
                throw Bench.BenchFailure(message: "no TLS")
            }
            #expect(fault(dialect, ByteBuffer(string: "R")) != nil)
            _ = try dialect.targetTLSEstablished(channelBinding: nil)
        }
    }

    @Test func md5() throws {
        #expect(
            MD5Password.answer(user: "app", password: Array("secret".utf8), salt: [1, 2, 3, 4])
                == Array("md5911f527656472583a006e7727877b33e".utf8))
        var (dialect, _) = try opened()
        guard
            case .reply(let answer) = try step(&dialect, FakeTarget.authentication(.md5Password(salt: [1, 2, 3, 4])))
                .first
        else {
            throw Bench.BenchFailure(message: "no answer")
        }
        #expect(answer.contains("md5"))
        #expect(!answer.contains(Self.secret))
    }

    @Test func scramVectorOfRFC7677() throws {
        var scram = ScramClient(binding: .none, nonce: "rOprNGfwEbeRWgbNEkqO")
        let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        let final = try scram.clientFinal(
            serverFirst: Array(first.utf8), password: Array("pencil".utf8), bare: "n=user,r=rOprNGfwEbeRWgbNEkqO")
        #expect(
            String(decoding: final, as: UTF8.self)
                == "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        )
        try scram.verify(serverFinal: Array("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".utf8))
        #expect(throws: MalformedMessage.self) {
            try scram.verify(serverFinal: Array("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=".utf8))
        }
        #expect(throws: MalformedMessage.self) { try scram.verify(serverFinal: Array("e=other-error".utf8)) }
    }

    @Test(arguments: [
        "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "r=abc,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "r=abcd,s=W22Z,i=0",
        "r=abcd,s=W22Z,i=99999999",
        "r=abcd,s=!,i=4096", "r=abcd,s=,i=4096", "m=x,r=abcd,s=W22Z,i=1", "", "r=abcd",
    ])
    func badScramChallenges(_ text: String) {
        var scram = ScramClient(binding: .none, nonce: "abc")
        #expect(throws: MalformedMessage.self) {
            _ = try scram.clientFinal(serverFirst: Array(text.utf8), password: [65])
        }
    }

    @Test func scramPlusIsUsedWhenOffered() throws {
        var (dialect, _) = try opened(.required)
        _ = try step(&dialect, ByteBuffer(string: "S"))
        _ = try dialect.targetTLSEstablished(channelBinding: [1, 2, 3])
        var downgraded = dialect
        guard
            case .reply(let plus) = try step(
                &dialect, FakeTarget.authentication(.sasl(mechanisms: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]))
            ).first,
            case .reply(let plain) = try step(
                &downgraded, FakeTarget.authentication(.sasl(mechanisms: ["SCRAM-SHA-256"]))
            ).first
        else { throw Bench.BenchFailure(message: "no answer") }
        #expect(plus.contains("SCRAM-SHA-256-PLUS") && plus.contains("p=tls-server-end-point,,"))
        #expect(!plain.contains("PLUS") && plain.contains("y,,"))
    }

    @Test func okWithoutProofOfTheServerIsAFault() throws {
        var (dialect, _) = try opened()
        _ = try step(&dialect, FakeTarget.authentication(.sasl(mechanisms: ["SCRAM-SHA-256"])))
        #expect(fault(dialect, FakeTarget.authentication(.ok)) != nil)
        #expect(fault(dialect, FakeTarget.authentication(.saslFinal(Array("v=AAAA".utf8)))) != nil)
        #expect(fault(dialect, FakeTarget.authentication(.cleartextPassword)) != nil)
    }

    @Test func errorsNeverHoldTheCredential() throws {
        let (dialect, _) = try opened()
        let said = fault(
            dialect, FakeTarget.error("3D000", "database \"\(Self.secret)\" does not exist", severity: "FATAL"))
        #expect(said?.refusal.message.contains(Self.secret) == false)
        let plain = fault(dialect, FakeTarget.error("3D000", "database \"shop\" does not exist", severity: "FATAL"))
        #expect(plain?.refusal.message.contains("does not exist") == true)
        #expect(plain?.refusal.code == "3D000")
    }

    @Test(arguments: [("standard_conforming_strings", "off"), ("client_encoding", "SJIS")])
    func settingsThatDepartAreFaults(_ name: String, _ value: String) throws {
        let (dialect, _) = try opened()
        #expect(fault(dialect, FakeTarget.authentication(.ok) + FakeTarget.status(name, value)) != nil)
    }

    @Test func base64RoundTrip() {
        for length in 0...20 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 200) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        for text in ["A", "A===", "AA=A", "A A=", "====", "AAA!"] { #expect(Base64.decode(text) == nil, "\(text)") }
    }
}

extension [UInt8] {
    func contains(_ other: [UInt8]) -> Bool {
        guard count >= other.count else { return false }
        return (0...(count - other.count)).contains { self[$0..<$0 + other.count].elementsEqual(other) }
    }
}
