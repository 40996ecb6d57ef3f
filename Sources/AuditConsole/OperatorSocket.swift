import AuditStore
package import GatewayCore
import Glibc

/// The Unix socket on which the gateway serves its API to the command line on its own machine: `operator/console.sock`
/// in the data folder.
///
/// Only the gateway's user, and root, can listen in that folder, so whoever answers there is the gateway: a port of
/// loopback is anybody's as soon as the gateway is down, and what listens there would get the operator's token.
package final class OperatorSocket: Sendable {
    private static let name = "console.sock"
    /// Of the folder, open for as long as this lives.
    private let folder: Int32

    deinit { close(folder) }

    /// For the server: the folder is made if there is none. Errors: `console.operator`.
    package init(making data: String) throws(GatewayError) {
        if mkdir(data + "/operator", 0o700) != 0, errno != EEXIST {
            throw Self.failure(data, "cannot be made: \(String(cString: strerror(errno)))")
        }
        guard let opened = try Self.openFolder(of: data) else { throw Self.failure(data, "is gone") }
        folder = opened
    }

    /// For the client; nil when no gateway ever served here. Errors: `console.operator` when the folder is not the
    /// gateway's alone.
    package init?(of data: String) throws(GatewayError) {
        guard let opened = try Self.openFolder(of: data) else { return nil }
        folder = opened
    }

    /// By the descriptor: the folder that was checked, whatever its path names by now, and short enough for an address
    /// however long the path (sun_path holds 108 bytes). Of use to this process while this lives.
    package var path: String { "/proc/self/fd/\(folder)/\(Self.name)" }

    /// Takes away the socket that an earlier run left. Only who holds the data folder's lock may.
    package func clear() {
        unlinkat(folder, Self.name, 0)
    }

    private static func openFolder(of data: String) throws(GatewayError) -> Int32? {
        do throws(PrivateFolder.Failure) {
            return try PrivateFolder.open(data + "/operator", of: data)
        } catch {
            switch error {
            case .missing: return nil
            case .system(let number): throw failure(data, "cannot be opened: \(String(cString: strerror(number)))")
            case .exposed:
                throw failure(
                    data, "is not the gateway's alone; make it mode 0700, of the user that the gateway runs as")
            }
        }
    }

    private static func failure(_ data: String, _ problem: String) -> GatewayError {
        GatewayError(.consoleOperator, "The folder of the operator's socket, \(data)/operator, \(problem).")
    }
}

extension GatewayError.Code {
    package static let consoleOperator = Self("console.operator")
}
