/// Tokens and keys, from their anchors on.
extension Scan {
    mutating func token(_ form: TokenForm, _ start: Int, _ body: Int) {
        if form.needsStart {
            let before = byte(start - 1)
            // `\nAKIA…`: the letter of an escaped line end is no part of a word.
            if before.isLetter || before.isDigit || before == 0x5F, byte(start - 2) != 0x5C { return }
        }
        let end = runEnd(body, form.alphabet)
        if let most = form.most {
            if end - body > most { return }
            guard isSettled(from: start), end - body >= form.least else { return }
            foundByPattern(form.detector.index, start, end)
        } else if end - body >= form.least {
            foundOpen(form.detector, start, end, .alphabet(form.alphabet))
        } else {
            _ = isSettled(from: start)
        }
    }

    /// Three parts, or five when encrypted; the first is the Base64 of a JSON object.
    mutating func jwt(_ start: Int) {
        let before = byte(start - 1)
        if Alphabet.dotted.contains(before) { return }
        let header = runEnd(start, .base64URL)
        // A header this long is none, whatever follows.
        if header - start > 2048 { return }
        guard byte(header) == 0x2E else {
            _ = isSettled(from: start)
            return
        }
        let end = runEnd(start, .dotted)
        if header - start >= 10, end - header > 16 {
            foundOpen(.jwt, start, end, .alphabet(.dotted))
        } else {
            _ = isSettled(from: start)
        }
    }

    mutating func openAIMark(_ start: Int, _ end: Int) {
        var first = start
        while start - first < 180, Alphabet.base64URL.contains(byte(first - 1)) { first -= 1 }
        // The mark stands in the middle of every key: `sk-`, 20 or more characters, the mark, as many again.
        guard byte(first) == 0x73, byte(first + 1) == 0x6B, byte(first + 2) == 0x2D else { return }
        let last = runEnd(end, .base64URL)
        if last - end >= 16 {
            foundOpen(.openaiKey, first, last, .alphabet(.base64URL))
        } else {
            _ = isSettled(from: first)
        }
    }

    mutating func terraform(_ start: Int, _ end: Int) {
        var first = start
        while start - first < 14, Alphabet.alphanumeric.contains(byte(first - 1)) { first -= 1 }
        guard start - first == 14 else { return }
        let last = runEnd(end, .base64URL)
        if last - end >= 40 {
            foundOpen(.hashicorpToken, first, last, .alphabet(.base64URL))
        } else {
            _ = isSettled(from: first)
        }
    }

    /// A number, a colon, 35 characters.
    mutating func telegram(_ start: Int, _ colon: Int) {
        begin()
        let before = byte(start - 1)
        if before.isLetter || before == 0x5F { return }
        let end = runEnd(colon + 1, .base64URL)
        if end - colon - 1 > 35 { return }
        guard isSettled(from: start), end - colon - 1 == 35 else { return }
        foundNumber(.telegramToken, start, end)
    }

    mutating func passwordHash(_ start: Int, _ alphabet: Alphabet) {
        let end = runEnd(start + 1, alphabet)
        if end - start >= 24 {
            foundOpen(.passwordHash, start, end, .alphabet(alphabet))
        } else {
            _ = isSettled(from: start)
        }
    }

    // MARK: - Azure

    mutating func azureNamedKey(_ start: Int) {
        let end = runEnd(start, .base64)
        guard end - start >= 40 else {
            _ = isSettled(from: start)
            return
        }
        let detector = wants(.azureKey) ? BuiltIn.azureKey : .connectionString
        foundOpen(detector, start, end, .alphabet(.base64))
    }

    /// Three characters, a digit, `Q~`, 31 to 34 characters.
    mutating func azureClientSecret(_ anchor: Int, _ body: Int) {
        let start = anchor - 3
        for index in start..<anchor where !isClientSecret(byte(index)) { return }
        var end = body
        while end - body <= 34, isClientSecret(byte(end)) { end += 1 }
        if end - body > 34 { return }
        guard isSettled(from: start), end - body >= 31 else { return }
        foundByPattern(BuiltIn.azureKey.index, start, end)
    }

    private func isClientSecret(_ byte: UInt8) -> Bool {
        byte != 0x2B && byte != 0x2F && byte != 0x3D && Alphabet.secret.contains(byte)
    }

    /// The signature of a shared access URL, percent-encoded Base64.
    mutating func azureSignature(_ start: Int) {
        var end = start
        while end - start < 256, byte(end) == 0x25 || Alphabet.secret.contains(byte(end)) { end += 1 }
        guard isSettled(from: start), end - start >= 40 else { return }
        foundByPattern(BuiltIn.azureKey.index, start, end)
    }

    mutating func awsSecret(_ anchor: Int) {
        guard let start = valueStart(anchor) else { return }
        let end = runEnd(start, .base64)
        if end - start > 40 { return }
        guard isSettled(from: start), end - start == 40 else { return }
        foundByPattern(BuiltIn.awsSecretKey.index, start, end)
    }
}
