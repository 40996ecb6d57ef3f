import GatewayCore
import Testing

@Suite struct RecordIDTests {
    @Test func textFormRoundTrips() {
        for step in 0..<200 {
            let id = RecordID(at: Timestamp(microseconds: Int64(step) * 7_777_777))
            #expect(RecordID(id.description) == id)
            #expect(id.description.utf8.count == 36)
            #expect(Array(id.description)[14] == "7")
        }
    }

    @Test(arguments: [
        "", "0", "01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a80577",
        "01890a5dxac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a805g",
    ])
    func refusesAnythingElse(text: String) {
        #expect(RecordID(text) == nil)
    }

    @Test func laterIdsSortLater() {
        let early = RecordID(at: Timestamp(microseconds: 1_000_000_000_000))
        let late = RecordID(at: Timestamp(microseconds: 1_000_000_002_000))
        #expect(early < late)
    }
}

@Suite struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_795_235_580_123_456, "2026-11-21T04:33:00.123456Z"),
            (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
        ] as [(Int64, String)])
    func printsRFC3339(microseconds: Int64, text: String) {
        #expect(Timestamp(microseconds: microseconds).description == text)
    }

    @Test func arithmeticNeverTraps() {
        #expect(Timestamp(microseconds: .max).advanced(bySeconds: .max).microseconds == .max)
        #expect(Timestamp(microseconds: .min).advanced(bySeconds: .min).microseconds == .min)
    }
}
