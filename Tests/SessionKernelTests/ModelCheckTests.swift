import Foundation
import Testing

/// The randomized model check. SALLYPORT_LONG runs many more (as many as it says); SALLYPORT_SEED=n runs one.
@Suite struct ModelCheckTests {
    @Test func everyInterleavingKeepsThePromises() {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["SALLYPORT_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0...UInt64.max >> 1)
        let runs: UInt64 =
            environment["SALLYPORT_SEED"] != nil
            ? 1 : environment["SALLYPORT_LONG"].map { UInt64($0).map { max($0, 5000) } ?? 500_000 } ?? 5000
        print("model check: \(runs) runs from seed \(first)")
        var inputs = 0
        var phases: Set<String> = []
        for seed in first..<first + runs {
            let run = ModelRun(seed: seed)
            let result = run.run()
            inputs += result.inputs
            phases.formUnion(result.phases)
            if !result.violations.isEmpty {
                let small = run.shrunk()
                Issue.record("\(small.run().violations.prefix(3))\n\(small.report)")
                return
            }
        }
        print("model check: \(inputs) inputs")
        if runs > 1 {
            #expect(
                phases.isSuperset(of: ["connecting", "signingIn", "dialling", "open", "draining", "sealing", "closed"]))
        }
    }
}
