import GatewayCore
import NIOCore
import SessionKernel

/// What the control plane may order a session to do.
enum SessionOrder: Sendable {
    /// The client asked on another connection to cancel its command.
    case cancel
    /// Cancel what runs at the target, then end.
    case abort(SessionEnd, Refusal)
    /// What waits is judged again.
    case policyChanged
}

/// A way to reach a session from any thread; orders are carried out on the session's event loop.
struct SessionHandle: Sendable {
    private let perform: @Sendable (SessionOrder) -> EventLoopFuture<Void>

    init(perform: @escaping @Sendable (SessionOrder) -> EventLoopFuture<Void>) {
        self.perform = perform
    }

    init(_ shell: SessionShell) {
        let loop = shell.eventLoop
        let bound = NIOLoopBound(shell, eventLoop: loop)
        perform = { order in loop.submit { bound.value.take(order) } }
    }

    /// Done when the session has taken it.
    @discardableResult
    func order(_ order: SessionOrder) -> EventLoopFuture<Void> {
        perform(order)
    }
}

extension SessionShell {
    func take(_ order: SessionOrder) {
        switch order {
        case .cancel: input { $0.cancelRequested() }
        case .abort(let reason, let refusal): input { $0.abort(reason, refusal) }
        case .policyChanged: input { $0.policyChanged() }
        }
    }
}
