import GatewayCore

/// Why a command could not do its work: words for the user, and the exit code.
struct CommandFailure: Error {
    var message: String
    var code: Int32

    init(_ message: String, code: Int32 = 1) {
        self.message = message
        self.code = code
    }

    init(_ error: GatewayError, code: Int32 = 1) {
        self.init(error.cause.map { "\(error.message) (\($0))" } ?? error.message, code: code)
    }

    static func usage(_ message: String) -> CommandFailure {
        CommandFailure(message, code: 2)
    }
}
