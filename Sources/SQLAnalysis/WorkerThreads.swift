// pg_query.h brings sys/types.h, and with it the pthread types, into its own module.
import CPgQuery
import Glibc

/// A few threads with large stacks and one bounded queue; lives until `stop`.
///
/// The parser recurses over trees as deep as the text is long, which no event loop's stack is made for.
final class WorkerThreads: @unchecked Sendable {
    // Sendable by hand: every variable is touched with `mutex` held only; the two pointers never change and are never freed
    // before the last reference goes, and each thread holds one.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [Job?] = []
    private var head = 0
    private var waitingCost = 0
    private var isStopping = false
    private var running = 0
    private let maximumJobs: Int
    private let maximumCost: Int

    private struct Job {
        var cost: Int
        var body: @Sendable () -> Void
    }

    init(maximumJobs: Int, maximumCost: Int) {
        self.maximumJobs = maximumJobs
        self.maximumCost = maximumCost
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Starts threads of their own; fewer when the system gives no more. Without any, `submit` refuses.
    func start(threads: Int, stackBytes: Int) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackBytes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        for _ in 0..<threads {
            var thread = pthread_t()
            let reference = Unmanaged.passRetained(self)
            let failed = pthread_create(
                &thread, &attributes,
                { pointer in
                    guard let pointer else { return nil }
                    Unmanaged<WorkerThreads>.fromOpaque(pointer).takeRetainedValue().work()
                    return nil
                }, reference.toOpaque())
            if failed == 0 { locked { running += 1 } } else { reference.release() }
        }
        pthread_attr_destroy(&attributes)
    }

    /// False: the queue is full, or there is nobody to work; the job was not taken and will not run.
    func submit(cost: Int, _ body: @escaping @Sendable () -> Void) -> Bool {
        locked {
            guard running > 0, !isStopping, jobs.count - head < maximumJobs else { return false }
            // One job is always taken, however large.
            guard waitingCost == 0 || waitingCost + cost <= maximumCost else { return false }
            jobs.append(Job(cost: cost, body: body))
            waitingCost += cost
            pthread_cond_signal(condition)
            return true
        }
    }

    /// Jobs already taken still run; then the threads end by themselves.
    func stop() {
        locked {
            isStopping = true
            pthread_cond_broadcast(condition)
        }
    }

    private func work() {
        while let job = next() { job.body() }
    }

    private func next() -> Job? {
        locked {
            while head == jobs.count {
                if isStopping {
                    running -= 1
                    return nil
                }
                pthread_cond_wait(condition, mutex)
            }
            let job = jobs[head]
            jobs[head] = nil
            head += 1
            if head == jobs.count || head > 512 {
                jobs.removeFirst(head)
                head = 0
            }
            waitingCost -= job?.cost ?? 0
            return job
        }
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
