import HTTPContent
import NIOCore
import Testing

@Suite struct URLEncodedFormTests {
    @Test func fields() throws {
        func read(_ text: String) throws -> [String] {
            try URLEncodedForm.read(bytes(text)).map {
                String(decoding: $0.name, as: UTF8.self) + "=" + String(decoding: $0.value, as: UTF8.self)
            }
        }
        #expect(try read("") == [])
        #expect(try read("a=1&b=2") == ["a=1", "b=2"])
        #expect(try read("&&a&=x&b==&") == ["a=", "=x", "b=="])
        #expect(try read("a+b=%26%3d+%C3%BC") == ["a b=&= ü"])
    }

    @Test(arguments: ["a=%", "a=%4", "a=%zz", "%g0=1", "a=%00", "a=b\0"])
    func whatReadersDifferOn(text: String) {
        #expect(throws: ContentFault.self) { try URLEncodedForm.read(bytes(text)) }
    }

    @Test func whatIsWrittenReadsTheSame() throws {
        var random = SeededGenerator(state: 31)
        for _ in 0..<500 {
            let fields = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                URLEncodedForm.Field(
                    name: (0..<3).map { _ in UInt8.random(in: 1...255, using: &random) },
                    value: (0..<Int.random(in: 0...9, using: &random)).map { _ in
                        UInt8.random(in: 1...255, using: &random)
                    })
            }
            #expect(try URLEncodedForm.read(URLEncodedForm.write(fields)) == fields)
        }
    }
}

@Suite struct MultipartTests {
    typealias Event = MultipartReader.Event

    static let form =
        "preamble\r\n--b0und\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n- -- --b0 \r\n--b0un\r\n"
        + "\r\n--b0und\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a b.txt\"\r\n"
        + "Content-Type: Text/Plain; charset=utf-8\r\n\r\n\r\n--b0und\r\nContent-Disposition: form-data; name=n\r\n\r\n"
        + "last\r\r\n--b0und--\r\nepilogue"

    static func read(_ pieces: [ByteBuffer], boundary: String = "b0und") throws(ContentFault) -> [Event] {
        var reader = try MultipartReader(boundary: boundary)
        var events: [Event] = []
        for piece in pieces {
            var input = piece
            try reader.read(&input, into: &events)
        }
        try reader.finish()
        var joined: [Event] = []
        for event in events {
            switch (event, joined.last) {
            case (.content(let more), .content(var before)?):
                before.writeImmutableBuffer(more)
                joined[joined.count - 1] = .content(before)
            case (.frame(let more), .frame(var before)?):
                before.writeImmutableBuffer(more)
                joined[joined.count - 1] = .frame(before)
            default: joined.append(event)
            }
        }
        return joined
    }

    static func raw(_ events: [Event]) -> [UInt8] {
        events.flatMap { event -> [UInt8] in
            switch event {
            case .frame(let bytes), .content(let bytes): Array(bytes.readableBytesView)
            case .begin, .end: []
            }
        }
    }

    @Test func whateverTheCutTheSameParts() throws {
        let whole = bytes(Self.form)
        let expected = try Self.read([ByteBuffer(bytes: whole)])
        #expect(Self.raw(expected) == whole)
        let parts = expected.filter { if case .frame = $0 { false } else { true } }
        #expect(
            parts == [
                .begin(PartHead(name: "note")), .content(ByteBuffer(string: "hello\r\n- -- --b0 \r\n--b0un\r\n")), .end,
                .begin(PartHead(name: "file", filename: "a b.txt", contentType: "text/plain")), .end,
                .begin(PartHead(name: "n")), .content(ByteBuffer(string: "last\r")), .end,
            ])
        for pieces in cuts(of: whole, seed: 17) { #expect(try Self.read(pieces) == expected) }
    }

    static let head = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n"
    /// What one reader takes for one thing and another for something else.
    static let ambiguous = [
        "\(head)\r\nx\n--b\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\ny\r\n--b--",
        "\(head)\r\nx\r--b--\r\n--b--",
        "\(head)\r\n--b--",
        "\(head)\r\nx\r\n--b \r\n\(head)\r\ny\r\n--b--",
        "\(head)\r\nx\r\n--bb\r\ny\r\n--b--",
        "\(head)\r\nx\r\n--b\n\(head)\r\ny\r\n--b--",
        "--b\nContent-Disposition: form-data; name=\"a\"\n\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x\"; filename*=utf-8''y\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\\\"; filename=\\\"\"\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\"; size=1\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\";\"b\":1name=\"c\"\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition : form-data; name=\"a\"\r\n\r\nx\r\n--b--",
        "\(head)Content-Disposition: form-data; name=\"b\"\r\n\r\nx\r\n--b--",
        "\(head)Content-Transfer-Encoding: base64\r\n\r\neA==\r\n--b--",
        "\(head)no colon\r\n\r\nx\r\n--b--",
        "\(head)X: a\rY: b\r\n\r\nx\r\n--b--",
        "\(head)X: \u{0}\n\r\n\r\nx\r\n--b--",
        "x\n\(head)\r\ny\r\n--b--",
    ]

    @Test(arguments: ambiguous) func whatReadersDifferOn(text: String) {
        for pieces in cuts(of: bytes(text), seed: 19) {
            do {
                _ = try Self.read(pieces, boundary: "b")
                Issue.record("read: \(text.debugDescription)")
            } catch {
                #expect(error.kind == .malformed)
            }
        }
    }

    @Test func anUnfinishedBodyIsTruncated() {
        for length in 0..<(Self.form.utf8.count - bytes("\r\nepilogue").count) {
            #expect(throws: ContentFault.self) {
                try Self.read([ByteBuffer(bytes: bytes(Self.form).prefix(length))])
            }
        }
    }

    @Test func limitsHold() {
        let long = String(repeating: "x", count: MultipartReader.headLimit + 1)
        let many = String(repeating: "\(Self.head)\r\n\r\n", count: MultipartReader.partLimit + 1) + "--b--"
        for text in [
            long + "\r\n\(Self.head)\r\nx\r\n--b--", "\(Self.head)X: \(long)", many,
            "\(Self.head)\r\nx\r\n--b--\r\n\(long)",
        ] {
            do {
                _ = try Self.read([ByteBuffer(string: text)], boundary: "b")
                Issue.record("read \(text.utf8.count) bytes")
            } catch {
                #expect(error.kind == .tooLarge)
            }
        }
    }

    @Test(arguments: ["", "a b", "a\"b", "ü", String(repeating: "b", count: 71)])
    func boundariesThatAreNone(boundary: String) {
        #expect(throws: ContentFault.self) { try MultipartReader(boundary: boundary) }
    }

    @Test func anythingIsReadWithoutATrap() {
        var random = SeededGenerator(state: 29)
        let words = [
            "--b", "\r\n", "\n", "\r", "-", "--", "b", ":", "a: b", " ", "Content-Disposition: form-data; name=x", "\"",
        ]
        for _ in 0..<5000 {
            let text = (0..<Int.random(in: 1...14, using: &random)).compactMap { _ in
                words.randomElement(using: &random)
            }
            let whole = bytes(text.joined())
            let one = Result { () throws(ContentFault) in try Self.read([ByteBuffer(bytes: whole)], boundary: "b") }
            let many = Result { () throws(ContentFault) in
                try Self.read(whole.map { ByteBuffer(bytes: [$0]) }, boundary: "b")
            }
            switch (one, many) {
            case (.success(let one), .success(let many)): #expect(one == many)
            case (.failure, .failure): break
            default: Issue.record("cut and whole differ: \(text)")
            }
        }
    }
}
