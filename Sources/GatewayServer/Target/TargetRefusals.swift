import SessionKernel

/// What a client is told when there is no way to its target; none of it names a credential or an address.
enum TargetRefusals {
    static let unreachable = Refusal(
        code: "08001", message: "The target of this connection cannot be reached.",
        hint: "Try again, or ask its owners.")
    static let noCredential = Refusal(
        code: "08001", message: "The gateway has no credential for this target.",
        hint: "Its operator finds the reason in the gateway's log.")
    static let noTLS = Refusal(code: "08001", message: "TLS to the target of this connection failed.")
}
