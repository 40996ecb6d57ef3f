import NIOCore
import NIOHTTP2

/// What both sides of HTTP/2 have in common. Rapid resets, floods of CONTINUATION, control and empty frames end a
/// connection by the library's own limits, which stand.
enum HTTP2Tuning {
    /// Streams of a client at once.
    static let streams = 100

    static var connection: NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: streams),
            // Of a whole head; the parser's own limit is the same.
            HTTP2Setting(parameter: .maxHeaderListSize, value: 64 << 10),
            HTTP2Setting(parameter: .initialWindowSize, value: 256 << 10),
        ]
        configuration.targetWindowSize = 1 << 20
        return configuration
    }

    /// As a server: streams may be for WebSocket (RFC 8441).
    static var server: NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = connection
        configuration.initialSettings.append(HTTP2Setting(parameter: .enableConnectProtocol, value: 1))
        return configuration
    }

    static var stream: NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        configuration.targetWindowSize = 256 << 10
        configuration.outboundBufferSizeHighWatermark = 128 << 10
        configuration.outboundBufferSizeLowWatermark = 64 << 10
        return configuration
    }
}
