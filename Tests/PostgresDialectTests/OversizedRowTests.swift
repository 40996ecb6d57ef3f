import DataMasking
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// Rows over `limits.row` on a connection with masks.
@Suite struct OversizedRowTests {
    private static let limits: SessionLimits = {
        var limits = SessionLimits()
        limits.row = 1000
        return limits
    }()

    private static let big = String(repeating: "y", count: 5000)
    private static let secret = String(repeating: "secret,", count: 800)

    private func bench(_ columns: [RowDescription.Column], _ rules: [MaskRule]? = nil) async throws -> Bench {
        var bench = try Bench.signedIn(masks: rules ?? [MaskTests.rule("ssn")], limits: Self.limits)
        try await bench.client(FakeClient.query("SELECT 1"))
        try bench.target(FakeTarget.rowDescription(columns))
        bench.clear()
        return bench
    }

    private static func column(_ name: String, type: UInt32 = 25, format: Int16 = 0) -> RowDescription.Column {
        RowDescription.Column(name: name, type: type, format: format)
    }

    private static let end = FakeTarget.row("small", "1") + FakeTarget.complete("SELECT 2") + FakeTarget.ready()

    /// Sends in pieces; all must give the same bytes, and never more than the limit may be kept back.
    private func answer(_ columns: [RowDescription.Column], _ rules: [MaskRule]? = nil, _ bytes: ByteBuffer)
        async throws -> ByteBuffer
    {
        var answers: [ByteBuffer] = []
        for size in [bytes.readableBytes, 1, 7, 999, 4096] {
            var bench = try await bench(columns, rules)
            var walk = bytes
            while let piece = walk.readSlice(length: min(size, max(walk.readableBytes, 1))) { try bench.target(piece) }
            #expect(bench.open.isEmpty)
            #expect(bench.log.filter { $0.hasPrefix("chunk") }.count <= bytes.readableBytes)
            answers.append(bench.toClient)
        }
        #expect(answers.allSatisfy { $0 == answers[0] })
        return answers[0]
    }

    @Test func maskedColumnsInFrontAreMaskedAsEver() async throws {
        let columns = [Self.column("ssn"), Self.column("a")]
        let answer = try await answer(columns, nil, FakeTarget.row("123", Self.big) + Self.end)
        #expect(
            answer == FakeTarget.row("***", Self.big) + FakeTarget.row("***", "1") + FakeTarget.complete("SELECT 2")
                + FakeTarget.ready())
        // A type that gives NULL makes the message shorter.
        let numbers = [Self.column("ssn", type: TypeOID.int4), Self.column("a")]
        #expect(
            try await self.answer(numbers, nil, FakeTarget.row("123", Self.big) + Self.end)
                == FakeTarget.row(nil, Self.big) + FakeTarget.row(nil, "1") + FakeTarget.complete("SELECT 2")
                + FakeTarget.ready())
    }

    @Test func maskedColumnsBehindAreOverwritten() async throws {
        let columns = [Self.column("a"), Self.column("ssn")]
        for (value, masked) in [("123", "***"), (Self.secret, String(repeating: "*", count: Self.secret.utf8.count))] {
            let answer = try await answer(
                columns, nil, FakeTarget.row(Self.big, value) + FakeTarget.row(Self.big, nil) + Self.end)
            #expect(
                answer == FakeTarget.row(Self.big, masked) + FakeTarget.row(Self.big, nil)
                    + FakeTarget.row("small", "***") + FakeTarget.complete("SELECT 2") + FakeTarget.ready())
        }
    }

    @Test func aMaskedColumnThatIsItselfTheLargeOne() async throws {
        for (type, format, expected) in [
            (TypeOID.text, Int16(0), "******"), (TypeOID.text, 1, "******"), (TypeOID.bytea, 1, "******"),
            (TypeOID.json, 0, "\"*****"),
        ] {
            let columns = [Self.column("ssn", type: type, format: format), Self.column("a")]
            var bench = try await bench(columns)
            try bench.target(FakeTarget.row(Self.secret, "1"))
            #expect(!bench.toClient.contains("secret"))
            #expect(bench.toClient.contains(expected))
            #expect(bench.toClient.readableBytes == FakeTarget.row(Self.secret, "1").readableBytes)
        }
    }

    @Test func detectorsOverwriteWhatTheyFind() async throws {
        let text = Self.big + ", ann@example.com, " + Self.big
        let answer = try await answer(
            [Self.column("a"), Self.column("b")], [MaskTests.emails],
            FakeTarget.row(text, "bob@example.com") + Self.end)
        let masked = Self.big + ", ***************, " + Self.big
        #expect(
            answer == FakeTarget.row(masked, "***************") + FakeTarget.row("small", "1")
                + FakeTarget.complete("SELECT 2") + FakeTarget.ready())
    }

    @Test func typesThatCannotBeOverwrittenEndTheExchangeOnly() async throws {
        for (type, format) in [(TypeOID.int4, Int16(0)), (TypeOID.uuid, 1), (1009, 1)] as [(UInt32, Int16)] {
            let columns = [Self.column("a"), Self.column("ssn", type: type, format: format)]
            let answer = try await answer(columns, nil, FakeTarget.row(Self.big, Self.secret) + Self.end)
            #expect(answer.types == "EZ")
            #expect(answer.contains("54000") && !answer.contains("secret"))
        }
    }

    @Test func aLargeCopyRowEndsTheExchangeOnly() async throws {
        var bench = try Bench.signedIn(masks: [MaskTests.rule("customers.email")], limits: Self.limits)
        try await bench.client(FakeClient.query("COPY customers TO STDOUT"))
        try bench.target(
            FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 2) + FakeTarget.copyData("1\tann\n".utf8)
                + FakeTarget.copyData("2\t\(Self.secret)\n".utf8))
        try bench.answer([MaskTests.column("id"), MaskTests.column("email")])
        try bench.target(
            FakeTarget.copyData("3\tx\n".utf8) + FakeTarget.copyDone + FakeTarget.complete("COPY 3")
                + FakeTarget.ready())
        #expect(bench.toClient.types == "HdEZ")
        #expect(!bench.toClient.contains("secret"))
        #expect(bench.outcomes[1]?.code == "54000")
    }

    @Test func lyingLengthsAreFaults() async throws {
        func row(_ declared: Int, _ body: [UInt8]) -> ByteBuffer {
            var buffer = ByteBuffer(bytes: [BackendType.dataRow])
            buffer.writeInteger(Int32(declared + 4))
            buffer.writeBytes(body)
            return buffer
        }
        let large = Array(repeating: UInt8(ascii: "s"), count: 3000)
        func field(_ length: Int32, _ bytes: [UInt8]) -> [UInt8] {
            withUnsafeBytes(of: length.bigEndian) { Array($0) } + bytes
        }
        for body: [UInt8] in [
            // A field beyond its message, in front, behind, and negative; too few fields; too many; bytes left over.
            [0, 2] + field(9000, large) + large,
            [0, 2] + field(3000, large) + field(9000, large),
            [0, 2] + field(3000, large) + field(-2, large),
            [0, 3] + field(3000, large) + field(3000, large),
            [0, 2] + field(3000, large) + field(3000, large) + field(3000, large),
            [0, 2] + field(3000, large) + field(3000, large) + [0],
            [0, 2] + field(3000, large) + [0, 0],
        ] {
            var bench = try await bench([Self.column("a"), Self.column("ssn")])
            #expect(throws: DialectFault.self) { try bench.target(row(body.count, body)) }
            // A front part may have gone; the masked column's bytes never.
            #expect(bench.toClient.bytes.filter { $0 == UInt8(ascii: "s") }.count <= 3000)
        }
    }

    @Test func memoryStaysBounded() async throws {
        var bench = try await bench([Self.column("a"), Self.column("ssn")])
        var head = ByteBuffer(bytes: [BackendType.dataRow])
        head.writeInteger(Int32(900_000_006 + 4 + 4))
        head.writeInteger(UInt16(2))
        head.writeInteger(Int32(900_000_000))
        try bench.target(head)
        // Every byte of the first column is passed on when it comes.
        for _ in 0..<100 {
            let before = bench.toClient.readableBytes
            try bench.target(ByteBuffer(repeating: 65, count: 10_000))
            #expect(bench.toClient.readableBytes == before + 10_000)
        }
    }
}
