/// The server-side half of `read_only: true`: the start-up packet says `default_transaction_read_only=on`, so that the
/// server itself refuses writes, also those of functions that nobody can read here.
///
/// A value of the start-up packet is what RESET, RESET ALL and DISCARD ALL go back to, and it counts more than ALTER ROLE
/// and ALTER DATABASE … SET. What could lift it otherwise is refused by `read_only` (AccessPolicy); should it be lifted
/// all the same, by a function, the server reports that (14 and later) and the session ends.
enum ReadOnlySession {
    private static let setting = "default_transaction_read_only"

    /// The client's own wish goes; a value in `options` is read by the server before ours.
    static func limit(_ parameters: inout [(name: String, value: String)]) {
        parameters.removeAll { [setting, "transaction_read_only"].contains($0.name.lowercased()) }
        parameters.append((setting, "on"))
    }

    static func isKept(_ status: ParameterStatus) -> Bool {
        status.name != setting || status.value == "on"
    }
}
