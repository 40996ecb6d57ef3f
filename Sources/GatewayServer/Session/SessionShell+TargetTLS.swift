import GatewayConfiguration
import Logging
import NIOSSL

/// What is told of TLS to the target when it fails.
extension SessionShell {
    /// A target may refuse the gateway's certificate after the handshake (TLS 1.3), so what it says is told whenever it
    /// comes. Such errors name alerts and checks, never keys.
    func targetFailed(_ error: any Error) {
        if case .uncleanShutdown? = error as? NIOSSLError, handshake == nil { return }
        guard handshake != nil || error is NIOSSLError || error is BoringSSLError else { return }
        targetFailed(String(describing: error))
    }

    func targetFailed(_ why: String) {
        services.logger.warning(
            "TLS to a target failed",
            metadata: ["connection": .string(admitted?.connection.name ?? "-"), "why": .string(why)])
    }
}
