import NIOCore
import PostgresDialect

/// Server messages, as a target would send them.
enum FakeTarget {
    static func message(_ type: UInt8, _ body: (inout ByteBuffer) -> Void = { _ in }) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMessage(type, body)
        return buffer
    }

    static let parseComplete = message(BackendType.parseComplete)
    static let bindComplete = message(BackendType.bindComplete)
    static let closeComplete = message(BackendType.closeComplete)
    static let noData = message(BackendType.noData)
    static let suspended = message(BackendType.portalSuspended)
    static let copyDone = message(BackendType.copyDone)
    static let emptyQuery = message(BackendType.emptyQuery)

    static func ready(_ status: TransactionStatus = .idle) -> ByteBuffer {
        var buffer = ByteBuffer()
        status.write(into: &buffer)
        return buffer
    }

    static func complete(_ tag: String) -> ByteBuffer {
        message(BackendType.commandComplete) { $0.writeCString(tag.utf8) }
    }

    static func error(
        _ code: String, _ message: String, severity: String = "ERROR", detail: String? = nil, table: String? = nil
    ) -> ByteBuffer {
        notice(code, message, type: BackendType.error, severity: severity, detail: detail, table: table)
    }

    static func notice(
        _ code: String, _ text: String, type: UInt8 = BackendType.notice, severity: String = "NOTICE",
        detail: String? = nil, table: String? = nil
    ) -> ByteBuffer {
        message(type) { body in
            for (field, value) in [
                ("S", severity), ("V", severity), ("C", code), ("M", text), ("D", detail), ("t", table),
            ] {
                guard let value else { continue }
                body.writeString(field)
                body.writeCString(value.utf8)
            }
            body.writeInteger(UInt8(0))
        }
    }

    static func status(_ name: String, _ value: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        ParameterStatus(name: name, value: value).write(into: &buffer)
        return buffer
    }

    static func rowDescription(_ columns: [RowDescription.Column]) -> ByteBuffer {
        var buffer = ByteBuffer()
        RowDescription(columns: columns).write(into: &buffer)
        return buffer
    }

    static func rowDescription(_ names: String...) -> ByteBuffer {
        rowDescription(names.map { RowDescription.Column(name: $0) })
    }

    static func row(_ values: [[UInt8]?]) -> ByteBuffer {
        message(BackendType.dataRow) { body in
            body.writeInteger(UInt16(values.count))
            for value in values {
                body.writeInteger(value.map { Int32($0.count) } ?? -1)
                if let value { body.writeBytes(value) }
            }
        }
    }

    static func row(_ values: String?...) -> ByteBuffer { row(values.map { $0.map { Array($0.utf8) } }) }

    static func copyResponse(_ type: UInt8, columns: Int, isBinary: Bool = false) -> ByteBuffer {
        var buffer = ByteBuffer()
        CopyResponse.write(type, isBinary: isBinary, columns: columns, into: &buffer)
        return buffer
    }

    static func copyData(_ bytes: some Collection<UInt8>) -> ByteBuffer {
        message(BackendType.copyData) { $0.writeBytes(bytes) }
    }

    static func authentication(_ request: AuthenticationRequest) -> ByteBuffer {
        var buffer = ByteBuffer()
        request.write(into: &buffer)
        return buffer
    }

    /// What follows AuthenticationOk.
    static var signedIn: ByteBuffer { signedIn("15.4") }

    static func signedIn(_ version: String) -> ByteBuffer {
        var buffer = authentication(.ok)
        for (name, value) in [
            ("server_version", version), ("client_encoding", "UTF8"), ("standard_conforming_strings", "on"),
        ] {
            buffer.writeImmutableBuffer(status(name, value))
        }
        BackendKeyData(processID: 77, secret: [1, 2, 3, 4]).write(into: &buffer)
        buffer.writeImmutableBuffer(ready())
        return buffer
    }
}

func + (one: ByteBuffer, other: ByteBuffer) -> ByteBuffer {
    var all = one
    all.writeImmutableBuffer(other)
    return all
}

extension ByteBuffer {
    var bytes: [UInt8] { Array(readableBytesView) }

    /// Type letters of the whole messages in it.
    var types: String {
        var walk = self
        var letters = ""
        while let header = try? MessageHeader(at: walk), walk.readSlice(length: header.total) != nil {
            letters.append(Character(Unicode.Scalar(header.type)))
        }
        return letters + (walk.readableBytes > 0 ? "…" : "")
    }

    func contains(_ text: String) -> Bool { String(decoding: readableBytesView, as: UTF8.self).contains(text) }
}

/// Client messages.
enum FakeClient {
    static let sync = FakeTarget.message(FrontendType.sync)
    static let flush = FakeTarget.message(FrontendType.flush)
    static let copyDone = FakeTarget.message(FrontendType.copyDone)
    static let terminate = FakeTarget.message(FrontendType.terminate)

    static func query(_ text: String) -> ByteBuffer { QueryMessage.encoded(text.utf8) }
    static func parse(_ text: String, _ name: String = "", types: [UInt32] = []) -> ByteBuffer {
        ParseMessage.encoded(statement: name, text: text.utf8, types: types)
    }
    static func bind(
        _ statement: String = "", portal: String = "", formats: [Int16] = [], _ values: [[UInt8]?] = [],
        results: [Int16] = []
    ) -> ByteBuffer {
        BindMessage.encoded(
            portal: portal, statement: statement, formats: formats, parameters: values, resultFormats: results)
    }
    static func describe(_ kind: NamedTarget.Kind = .portal, _ name: String = "") -> ByteBuffer {
        NamedTarget.encoded(FrontendType.describe, kind, name)
    }
    static func close(_ kind: NamedTarget.Kind, _ name: String) -> ByteBuffer {
        NamedTarget.encoded(FrontendType.close, kind, name)
    }
    static func execute(_ portal: String = "", rows: Int32 = 0) -> ByteBuffer {
        ExecuteMessage.encoded(portal: portal, maximumRows: rows)
    }
    static func copyData(_ text: String) -> ByteBuffer { FakeTarget.copyData(text.utf8) }
    static func startup(_ parameters: [(name: String, value: String)], minor: UInt16 = 0) -> ByteBuffer {
        StartupMessage(minor: minor, parameters: parameters).encoded()
    }
    static func password(_ token: String) -> ByteBuffer {
        FakeTarget.message(FrontendType.password) { $0.writeCString(token.utf8) }
    }
}
