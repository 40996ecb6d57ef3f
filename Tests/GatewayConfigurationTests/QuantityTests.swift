import GatewayConfiguration
import Testing

@Suite struct QuantityTests {
    @Test(
        arguments: [
            ("30s", 30), ("15m", 900), ("8h", 28_800), ("400d", 34_560_000), ("0s", 0), ("15", nil), ("", nil),
            ("m", nil), ("1.5h", nil),
            ("-5m", nil), ("8 fortnights", nil), ("5 m", nil), ("99999999999999999999s", nil),
            ("9223372036854775807d", nil), ("٣s", nil),
        ] as [(String, Int?)])
    func durations(text: String, expected: Int?) {
        #expect(Quantity.seconds(text) == expected)
    }

    @Test(
        arguments: [
            ("4096", 4096), ("64KiB", 65_536), ("16MiB", 16_777_216), ("1GiB", 1_073_741_824), ("64kB", 64_000),
            ("5B", 5), ("64kib", nil),
            ("MiB", nil), ("1.5MiB", nil), ("-1", nil), ("9223372036854775807KiB", nil),
        ] as [(String, Int?)])
    func sizes(text: String, expected: Int?) {
        #expect(Quantity.bytes(text) == expected)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("localhost", true), ("10.0.0.1", false),
        ("127.0.0.1.evil.example", false), ("127.0.0", false), ("0.0.0.0", false),
    ])
    func loopback(host: String, expected: Bool) {
        #expect(Endpoint(host: host, port: 1).isLoopback == expected)
    }
}
