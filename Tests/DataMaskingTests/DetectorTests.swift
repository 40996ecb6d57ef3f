import DataMasking
import Foundation
import MaskingSamples
import Testing

/// Every detector on values made up by definitions of their own.
@Suite struct DetectorTests {
    private static let all = DataMasking.Scanner(Detector.allCases.map { ($0, .redact) })

    private func found(_ text: String, _ scanner: DataMasking.Scanner) -> [String] {
        let bytes = Array(text.utf8)
        return scanner.scan(bytes).map { String(decoding: bytes[$0.range], as: UTF8.self) }
    }

    @Test(arguments: Detector.allCases.map(\.rawValue))
    func findsItsValues(name: String) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SampleGenerator(seed: seed)
        let scanner = DataMasking.Scanner([(try #require(Detector(rawValue: name)), .redact)])
        for _ in 0..<200 {
            let sample = try #require(Samples.make(name, &random), "no sample of \(name)")
            #expect(found(sample.text, scanner) == [sample.value], "seed \(seed): \(sample.text)")
            #expect(found("x " + sample.text + " y", scanner) == [sample.value], "seed \(seed): \(sample.text)")
            // With all detectors on, others may find more of it, but no less is hidden.
            let bytes = Array(sample.text.utf8)
            let start = sample.before.utf8.count
            let hidden = Self.all.scan(bytes).contains { edit in
                edit.range.lowerBound <= start && edit.range.upperBound >= start + sample.value.utf8.count
            }
            #expect(hidden, "seed \(seed): \(sample.text)")
            if let broken = sample.broken {
                let text = sample.before + broken + sample.after
                #expect(found(text, scanner) == [], "seed \(seed): broken \(text)")
            }
        }
    }

    @Test func namesAreOnceEachAndGroupsHaveMembers() {
        let names = Detector.allCases.map(\.rawValue) + DetectorInfo.Group.allCases.map(\.rawValue)
        #expect(Set(names).count == names.count)
        #expect(DetectorInfo.all.map(\.name) == Detector.allCases.map(\.rawValue))
        #expect(Detector.allCases.count >= 50)
        for group in DetectorInfo.Group.allCases { #expect(!Detector.named(group.rawValue).isEmpty) }
        #expect(Detector.named("email") == [.email] && Detector.named("horoscope").isEmpty)
    }

    @Test func theDocumentationListsEach() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../docs/masking.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        for info in DetectorInfo.all {
            #expect(text.contains("| `\(info.name)` | \(info.summary) | `\(info.example)` |"), "\(info.name)")
        }
        for group in DetectorInfo.Group.allCases { #expect(text.contains(": `\(group.rawValue)`")) }
    }

    /// Values as their authorities publish them for examples.
    @Test(arguments: [
        ("uk_nhs", "943 476 5919"), ("de_tax_id", "86095742719"), ("fr_nir", "184127645108946"),
        ("es_dni", "12345678Z"),
        ("es_dni", "X1234567L"), ("it_codice_fiscale", "RSSMRA85T10A562S"), ("be_national_number", "85.07.30-033.28"),
        ("pl_pesel", "44051401359"), ("se_personnummer", "811228-9874"), ("fi_hetu", "131052-308T"),
        ("ch_ahv", "756.9217.0769.85"), ("ie_pps", "1234567T"), ("br_cpf", "111.444.777-35"),
        ("br_cnpj", "11.222.333/0001-81"), ("ca_sin", "046-454-286"), ("au_tfn", "123 456 782"),
        ("in_aadhaar", "2341 2341 2346"), ("cn_resident_id", "11010519491231002X"), ("sg_nric", "S1234567D"),
        ("za_id", "8001015009087"), ("tr_tckn", "10000000146"), ("mx_curp", "HEGG560427MVZRRL04"),
        ("uk_nino", "AB 12 34 56 C"), ("at_svnr", "1237 010180"), ("dk_cpr", "070761-4285"),
        ("no_fodselsnummer", "01010750160"), ("in_pan", "ABCPE1234F"), ("kr_rrn", "900101-1234567"),
        ("jp_my_number", "1234 5678 9018"),
    ])
    func publishedExamples(name: String, value: String) throws {
        let scanner = DataMasking.Scanner([(try #require(Detector(rawValue: name)), .redact)])
        #expect(found(value, scanner) == [value])
        #expect(found("number \(value), as said", scanner) == [value])
    }

    @Test(arguments: [
        ("phone: 5551234567", "5551234567"), ("Tel 030/901820", "030/901820"),
        ("\"mobilePhone\": \"07911123456\"", "07911123456"),
        ("call my cell (it is 555 0101 now)", "555 0101"), ("phone +43 660 1234567.", "+43 660 1234567"),
    ])
    func phonesNearAWord(text: String, value: String) {
        let scanner = DataMasking.Scanner([(Detector.named("phone")[0], .redact)])
        #expect(found(text, scanner) == [value])
    }

    @Test(arguments: [
        "hotel 5551234567", "tell 5551234567 people", "cells 12345678", "phone 123456", "a mobile of 12345678901234567",
    ])
    func otherNumbersNearOtherWords(text: String) {
        #expect(found(text, DataMasking.Scanner([(Detector.named("phone")[0], .redact)])).isEmpty)
    }

    /// What looks like a value and is none.
    @Test(arguments: [
        "2026-11-21 05:03:17.123456+01", "550e8400-e29b-41d4-a716-446655440000", "order 10023455 of customer 8812",
        "v1.22.333", "12:30:45", "std::vector", "$1,234,567.89", "3.141592653589793", "tokens: 1536",
        "secret santa party",
        "the password is forgotten", "https://example.com:8080/a@b", "born to run 12345", "see RFC 5321 section 4.1",
        "a token of appreciation: flowers", "192.168.1", "1.2.3.4.5", "10/12/14 16:20", "adobe 2020-01-01",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "The authorization of payments",
        "ISBN 978-3-16-148410-0", "lat 48.208176, lon 16.373819",
    ])
    func leavesOtherTextAlone(text: String) {
        #expect(found(text, Self.all) == [])
    }

    @Test func keywordsMayStandInTheColumnsName() throws {
        var random = SampleGenerator(seed: 7)
        let rule = MaskRule(detect: Detector.named("national_id"))
        let masks = MaskSet(rules: [rule], key: MaskKey(bytes: Array(repeating: 1, count: 32)))
        for (name, column) in [("nl_bsn", "customer_bsn"), ("pt_nif", "NIF"), ("us_routing", "bankRouting")] {
            let sample = try #require(Samples.make(name, &random))
            for (title, isFound) in [(column, true), ("remark", false)] {
                let plan = masks.plan(columns: [AnswerColumn(name: title, origins: [.computed], isText: true)])
                var output: [UInt8] = []
                let result = Array(sample.value.utf8).withUnsafeBytes { plan.mask($0, column: 0, into: &output) }
                #expect((result == .replaced) == isFound, "\(name) in \(title)")
            }
        }
    }

    @Test func overlapsBecomeOneEditOfTheStricterMethod() throws {
        let url = try #require(Detector(rawValue: "url_password"))
        let scanner = DataMasking.Scanner([(url, .hash), (.creditCard, .partial), (.email, .redact)])
        let text = Array("https://ada:4111111111111111@example.com/".utf8)
        let edits = scanner.scan(text)
        #expect(edits.count == 1 && edits.first?.method == .redact)
        // The address `4111111111111111@example.com` is the longest.
        #expect(edits.first?.detector == .email && edits.first?.range == 12..<40)
    }
}
