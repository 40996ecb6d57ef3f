import Glibc
package import NIOCore
import Synchronization

/// Connections open now, counted by client address, so that one client cannot take the places of all.
package final class AddressSeats: Sendable {
    /// Who counts as one: an IPv4 address, or the /64 that one IPv6 host chooses addresses from.
    package enum Client: Hashable, Sendable {
        case v4(UInt32)
        case v6(UInt64)

        /// Nil for what has no address: a Unix socket.
        package init?(_ address: SocketAddress?) {
            guard let text = address?.ipAddress else { return nil }
            var bytes = [UInt8](repeating: 0, count: 16)
            if inet_pton(AF_INET, text, &bytes) == 1 {
                self = .v4(bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) })
            } else if inet_pton(AF_INET6, text, &bytes) == 1 {
                let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
                self =
                    isMapped
                    ? .v4(bytes[12...].reduce(0) { $0 << 8 | UInt32($1) })
                    : .v6(bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) })
            } else {
                return nil
            }
        }
    }

    private let most: Int
    private let taken = Mutex<[Client: Int]>([:])

    package init(most: Int) {
        self.most = most
    }

    /// False when the client has all that it may.
    package func take(_ client: Client) -> Bool {
        taken.withLock { taken in
            let count = taken[client, default: 0]
            guard count < most else { return false }
            taken[client] = count + 1
            return true
        }
    }

    package func leave(_ client: Client) {
        taken.withLock { taken in
            guard let count = taken[client] else { return }
            taken[client] = count > 1 ? count - 1 : nil
        }
    }
}
