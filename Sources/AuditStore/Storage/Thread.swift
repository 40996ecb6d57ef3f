import GatewayCore
import Glibc

/// A system thread that runs one closure and ends.
enum Thread {
    private final class Box {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    /// `name`: what the system's tools show for it, at most 15 bytes.
    static func start(_ name: StaticString, _ body: @escaping @Sendable () -> Void) throws(GatewayError) {
        let box = Unmanaged.passRetained(
            Box {
                call(name)
                body()
            })
        var thread = pthread_t()
        let number = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        guard number == 0 else {
            box.release()
            throw GatewayError(.logFailed, "A thread for the audit log could not be started (error \(number)).")
        }
        pthread_detach(thread)
    }

    /// Names the calling thread; without a name it still runs.
    private static func call(_ name: StaticString) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        _ = write(file, name.utf8Start, name.utf8CodeUnitCount)
    }
}
