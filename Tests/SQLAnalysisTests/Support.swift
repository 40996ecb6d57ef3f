import GatewayCore
import SQLAnalysis
import Synchronization

/// One analyser for all tests.
let analyzer = SQLAnalyzer()

func analyze(_ text: String, with analyzer: SQLAnalyzer = analyzer) async -> SQLAnalysis {
    await analyze(Array(text.utf8), with: analyzer)
}

func analyze(_ text: [UInt8], with analyzer: SQLAnalyzer = analyzer) async -> SQLAnalysis {
    await withCheckedContinuation { continuation in
        analyzer.analyze(text) { continuation.resume(returning: $0) }
    }
}

func tokens(of text: [UInt8]) -> (tokens: [SQLToken], failure: NotUnderstood?) {
    text.withUnsafeBytes { bytes in
        var tokenizer = SQLTokenizer(bytes)
        var result: [SQLToken] = []
        while let token = tokenizer.next() { result.append(token) }
        return (result, tokenizer.failure)
    }
}

/// SplitMix64: a seed gives the same run everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
