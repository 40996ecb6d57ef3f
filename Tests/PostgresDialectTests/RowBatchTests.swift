import DataMasking
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// Rows that are looked at together come out as if each had been looked at alone.
@Suite struct RowBatchTests {
    private static let detectors = MaskRule(
        detect: ["email", "credit_card", "phone", "iban"].compactMap { Detector(rawValue: $0) }, method: .redact)
    private static let values = [
        "", "plain words", "ada@example.com", "x 4111 1111 1111 1111 y", "17", "tel", "DE89 3704 0044 0532 0130 00",
        String(repeating: "long ", count: 400), "@", "4111", "1111 1111 1111", "ada", "example.com", "é 漢字",
    ]

    private static func answer(_ rows: [[[UInt8]?]], limits: SessionLimits, pieces: Int) async throws -> ByteBuffer {
        var bench = try Bench.signedIn(masks: [detectors], limits: limits)
        try await bench.client(FakeClient.query("SELECT a, n, b FROM t"))
        let columns = [
            RowDescription.Column(name: "a", table: 0, attribute: 0, type: 25, format: 0),
            RowDescription.Column(name: "n", table: 0, attribute: 0, type: 23, format: 0),
            RowDescription.Column(name: "b", table: 0, attribute: 0, type: 25, format: 0),
        ]
        var bytes = FakeTarget.rowDescription(columns)
        for row in rows { bytes = bytes + FakeTarget.row(row) }
        bytes = bytes + FakeTarget.complete("SELECT \(rows.count)") + FakeTarget.ready()
        while bytes.readableBytes > 0, let piece = bytes.readSlice(length: min(pieces, bytes.readableBytes)) {
            try bench.target(piece)
        }
        #expect(bench.outcomes[1]?.rows == rows.count)
        return bench.toClient
    }

    @Test func likeRowsByThemselves() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        func value() -> [UInt8]? { next(8) == 0 ? nil : Array(Self.values[next(Self.values.count)].utf8) }
        // Where rows are counted each is looked at by itself.
        var counted = SessionLimits()
        counted.rows = 1_000_000
        for _ in 0..<20 {
            let rows = (0..<next(200)).map { _ in [value(), Array("\(next(1000))".utf8), value()] }
            let alone = try await Self.answer(rows, limits: counted, pieces: 1 << 20)
            for pieces in [1 << 20, 4096, 333] {
                let together = try await Self.answer(rows, limits: SessionLimits(), pieces: pieces)
                #expect(together == alone, "seed \(seed)")
            }
        }
    }

    @Test func aMalformedRowIsNoRow() async throws {
        for bad in [
            FakeTarget.message(BackendType.dataRow) { $0.writeBytes([0, 1, 0, 0, 0, 9, 65]) },
            FakeTarget.message(BackendType.dataRow) { $0.writeBytes([0, 1, 255, 0, 0, 1, 65]) },
            FakeTarget.message(BackendType.dataRow) { $0.writeBytes([0, 1, 0, 0, 0, 1, 65, 66]) },
            FakeTarget.message(BackendType.dataRow) { $0.writeBytes([0, 2, 0, 0, 0, 1, 65]) },
            FakeTarget.message(BackendType.dataRow) { $0.writeBytes([0, 1]) },
        ] {
            var bench = try Bench.signedIn(masks: [Self.detectors])
            try await bench.client(FakeClient.query("SELECT a FROM t"))
            let head = FakeTarget.rowDescription([
                RowDescription.Column(name: "a", table: 0, attribute: 0, type: 25, format: 0)
            ])
            #expect(throws: DialectFault.self) { try bench.target(head + FakeTarget.row("fine") + bad) }
        }
    }
}
