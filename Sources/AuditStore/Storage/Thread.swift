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

    static func start(_ body: @escaping @Sendable () -> Void) throws(GatewayError) {
        let box = Unmanaged.passRetained(Box(body))
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
}
