// The floor that the gateway is measured against: the same NIO, the same pairing of two channels on one event loop,
// and not one byte looked at.
//
//     bare-relay LISTEN_PORT TARGET_HOST TARGET_PORT [THREADS]

import Dispatch
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#endif

let arguments = CommandLine.arguments
guard arguments.count == 4 || arguments.count == 5, let listenPort = UInt16(arguments[1]),
    let targetPort = UInt16(arguments[3]), let threads = arguments.count == 5 ? Int(arguments[4]) : System.coreCount,
    threads > 0
else {
    print("usage: bare-relay LISTEN_PORT TARGET_HOST TARGET_PORT [THREADS]")
    exit(64)
}
let targetHost = arguments[2]

let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
let server = try await ServerBootstrap(group: group)
    .serverChannelOption(.backlog, value: 1024)
    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
    .childChannelOption(.autoRead, value: false)
    .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
    .childChannelInitializer { client in
        ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: targetHost, port: Int(targetPort))
            .flatMapThrowing { target in
                let (near, far) = RelayHandler.pair()
                try client.pipeline.syncOperations.addHandler(near)
                try target.pipeline.syncOperations.addHandler(far)
            }
    }
    .bind(host: "127.0.0.1", port: Int(listenPort))
    .get()

print("ready \(server.localAddress?.port ?? 0)")
fflush(nil)
try await server.closeFuture.get()
