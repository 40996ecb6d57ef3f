import NIOCore

/// A statement of the gateway's own in the client's session that leaves no trace there: by names of its own, so that the
/// client's unnamed statement and portal stay, and behind a savepoint where it could fail a transaction or keep locks in it.
enum OwnStatement {
    private static let name = "sallyport_question"

    /// - Parameters:
    ///   - restoring: the Parse of the client's unnamed statement. Given, the text goes by the simple protocol, which ends that
    ///     statement, and this makes it again; empty when there is none to make. A text with parameters must go so: bound to
    ///     values, even a generic plan would be made for those.
    /// - Returns: the bytes, and how many ReadyForQuery messages answer them.
    static func encoded(
        _ text: [UInt8], restoring: ByteBuffer? = nil, withSavepoint: Bool
    ) -> (bytes: ByteBuffer, answers: Int) {
        var bytes = ByteBuffer()
        var answers = 0
        func sync() {
            bytes.writeEmptyMessage(FrontendType.sync)
            answers += 1
        }
        if withSavepoint {
            execute(Array("SAVEPOINT \(name)".utf8), into: &bytes)
            sync()
        }
        if let restoring {
            bytes.writeImmutableBuffer(QueryMessage.encoded(text))
            answers += 1
            if restoring.readableBytes > 0 {
                if withSavepoint {
                    execute(Array("ROLLBACK TO SAVEPOINT \(name)".utf8), into: &bytes)
                    sync()
                }
                bytes.writeImmutableBuffer(restoring)
                sync()
            }
        } else {
            execute(text, into: &bytes)
            sync()
        }
        if withSavepoint {
            execute(Array("ROLLBACK TO SAVEPOINT \(name)".utf8), into: &bytes)
            execute(Array("RELEASE SAVEPOINT \(name)".utf8), into: &bytes)
            sync()
        }
        return (bytes, answers)
    }

    private static func execute(_ text: [UInt8], into bytes: inout ByteBuffer) {
        // One that failed half-way has left its name.
        close(into: &bytes)
        bytes.writeImmutableBuffer(ParseMessage.encoded(statement: name, text: text))
        bytes.writeImmutableBuffer(BindMessage.encoded(portal: name, statement: name))
        bytes.writeImmutableBuffer(ExecuteMessage.encoded(portal: name))
        close(into: &bytes)
    }

    private static func close(into bytes: inout ByteBuffer) {
        bytes.writeImmutableBuffer(NamedTarget.encoded(FrontendType.close, .portal, name))
        bytes.writeImmutableBuffer(NamedTarget.encoded(FrontendType.close, .statement, name))
    }
}
