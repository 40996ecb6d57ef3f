import AuditConsole
import Testing

/// A value, as a field, and as one that is safe for spreadsheets.
private let fields: [(String?, String, String)] = [
    (nil, "", ""), ("", "\"\"", "\"\""), ("plain", "plain", "plain"), ("a,b", "\"a,b\"", "\"a,b\""),
    ("say \"hi\"", "\"say \"\"hi\"\"\"", "\"say \"\"hi\"\"\""),
    ("two\r\nlines", "\"two\r\nlines\"", "\"two\r\nlines\""),
    ("two\nlines", "\"two\nlines\"", "\"two\nlines\""), (" edge", "\" edge\"", "\" edge\""),
    ("=1+1", "=1+1", "'=1+1"), ("-5", "-5", "'-5"), ("@SUM(A1)", "@SUM(A1)", "'@SUM(A1)"),
    ("+cmd|' /C calc'!A0", "+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
    ("\t=1", "\t=1", "'\t=1"), ("=A,B", "\"=A,B\"", "\"'=A,B\""), ("  =1", "\"  =1\"", "'  =1"),
    ("\u{FF1D}1", "\u{FF1D}1", "'\u{FF1D}1"), ("a=b", "a=b", "a=b"),
    ("Gr\u{FC}\u{DF}e", "Gr\u{FC}\u{DF}e", "Gr\u{FC}\u{DF}e"),
]

@Suite struct SessionCSVTests {
    @Test(arguments: fields.indices) func aFieldIs(_ index: Int) {
        let (value, plain, safe) = fields[index]
        #expect(CSVLine().text([value, "x"]) == plain + ",x\r\n")
        #expect(CSVLine(isSpreadsheetSafe: true).text([value, "x"]) == safe + ",x\r\n")
    }

    @Test func everyRecordHasTheSameFields() {
        var one = ExchangeView(exchange: 1, time: "T1")
        one.text = "SELECT 1, NULL; SELECT 'a,b'"
        one.outcome = ExchangeView.Outcome(kind: "success")
        one.rows = 2
        one.answer = AnswerView(results: [
            .init(columns: ["a", "b"], rows: [["1", nil]]), .init(columns: ["c"], rows: [["a,b"]]),
            .init(columns: [], rows: [], tag: "SET"),
        ])
        var two = ExchangeView(exchange: 2, time: "T2")
        two.text = "DROP TABLE t"
        two.outcome = ExchangeView.Outcome(kind: "error", code: "42501")
        var three = ExchangeView(exchange: 3, time: "T3")
        three.text = "COPY t TO STDOUT"
        three.answer = AnswerView(copy: ["1\tx"], isTruncated: true)
        let csv = SessionCSV(width: max(SessionCSV.width(of: one), SessionCSV.width(of: two)), isSpreadsheetSafe: false)
        var text = csv.header
        for exchange in [one, two, three] { csv.lines(of: exchange) { text += $0 } }
        #expect(
            text
                == [
                    "record,exchange,time,command,outcome,rows,result,row,value1,value2",
                    "command,1,T1,\"SELECT 1, NULL; SELECT 'a,b'\",success,2,,,,",
                    "columns,1,T1,,,,1,,a,b", "row,1,T1,,,,1,1,1,", "columns,1,T1,,,,2,,c,", "row,1,T1,,,,2,1,\"a,b\",",
                    "command,2,T2,DROP TABLE t,error 42501,,,,,", "command,3,T3,COPY t TO STDOUT,,,,,,",
                    "copy,3,T3,,,,,1,1\tx,", "cut,3,T3,,,,,,,", "",
                ].joined(separator: "\r\n"))
    }
}
