import Foundation
import Testing

/// The randomized model check. SALLYPORT_LONG=1 runs 200,000, a larger number that many; SALLYPORT_SEED=n runs one.
@Suite struct ModelCheckTests {
    @Test func everyInterleavingKeepsThePromises() {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["SALLYPORT_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0...UInt64.max >> 1)
        let long = environment["SALLYPORT_LONG"].flatMap(UInt64.init) ?? 0
        let runs: UInt64 = environment["SALLYPORT_SEED"] != nil ? 1 : long == 0 ? 5000 : long == 1 ? 200_000 : long
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
