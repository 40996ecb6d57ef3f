/// Private keys in PEM armour.
extension Scan {
    /// `-----BEGIN ` stands at `start`: a label with PRIVATE KEY in it, dashes, the body.
    mutating func armour(_ start: Int, _ label: Int) {
        var end = label
        while end - label < 48 {
            let byte = byte(end)
            guard byte.isUpper || byte.isDigit || byte == 0x20 else { break }
            end += 1
        }
        guard end - label < 48 else { return }
        for index in 0..<5 where byte(end + index) != 0x2D {
            _ = isSettled(from: start)
            return
        }
        guard holdsPrivateKey(label, end) else { return }
        openArmour(start, end + 5)
    }

    /// Tells the key that begins at `start`; the body of its armour begins at `body`.
    mutating func openArmour(_ start: Int, _ body: Int) {
        var run = ArmourRun()
        var end = body
        while end < count, run.takes(text[end]) { end += 1 }
        if end >= count { reachedEnd = true }
        foundOpen(.privateKey, start, end, .armour(run))
    }

    private func holdsPrivateKey(_ start: Int, _ end: Int) -> Bool {
        let wanted: StaticString = "PRIVATE KEY"
        guard end - start >= 11 else { return false }
        for place in start...(end - 11)
        where (0..<11).allSatisfy({ text[place + $0] == wanted.utf8Start[$0] }) { return true }
        return false
    }
}
