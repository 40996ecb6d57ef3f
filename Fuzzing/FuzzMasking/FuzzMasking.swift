import DataMasking

/// The detectors on any bytes: the block scanner stays inside the text, and the stream scanner makes the same of it at
/// cuts that the input chooses.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMasking(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard input.count > 2 else { return 0 }
    let scanner = Scanners.all[Int(input[0]) % Scanners.all.count]
    let step = Int(input[1]) + 1
    let text = Array(input.dropFirst(2))

    var last = 0
    for edit in scanner.scan(text) {
        check(edit.range.lowerBound >= last && !edit.range.isEmpty && edit.range.upperBound <= text.count)
        last = edit.range.upperBound
    }

    var whole: [UInt8] = []
    if text.withUnsafeBytes({ scanner.mask($0, into: &whole, key: Scanners.key) }) == .unchanged { whole = text }
    var stream = StreamMask(scanner, key: Scanners.key)
    var pieces: [UInt8] = []
    var position = 0
    var width = step
    while position < text.count {
        let end = min(position + width, text.count)
        text[position..<end].withUnsafeBytes { stream.take($0, into: &pieces) }
        check(stream.heldBytes <= 10_000 + CustomPattern.widest)
        position = end
        // Cuts at places that are not all multiples of one number.
        width = (width * 7 + step) % 97 + 1
    }
    stream.finish(into: &pieces)
    check(pieces == whole)
    return 0
}

/// A finding is a crash: that is what the fuzzer keeps.
private func check(_ isTrue: Bool) {
    precondition(isTrue)
}

private enum Scanners {
    static let key = MaskKey(bytes: Array(repeating: 1, count: 32))
    static let all: [Scanner] = [
        Scanner(Detector.allCases.map { ($0, .redact) }), Scanner(Detector.allCases.map { ($0, .partial) }),
        Scanner(Detector.allCases.map { ($0, .hash) }), Scanner([(.email, .partial), (.creditCard, .hash)]),
        Scanner(
            Detector.allCases.map { ($0, .redact) }
                + [
                    (try? CustomPattern(name: "x", pattern: "\\bE[0-9]{2,5}(x|yz)?\\b", validator: nil)).map(
                        Detector.init)
                ]
                .compactMap { $0 }.map { ($0, .redact) }),
    ]
}
