package import Crypto
package import GatewayCore

/// Where a search goes on: before the command named. Sealed against change and bound to its query and viewer, so that
/// a cursor is good for nothing but the search that it came from.
package struct SearchCursor {
    private static let tagLength = 16
    private let key: SymmetricKey

    package init(vaultKey: SymmetricKey) {
        key = IndexKey.derive(vaultKey, "search cursor")
    }

    package func seal(_ command: UInt64, for query: SearchQuery) -> String {
        let place = withUnsafeBytes(of: command.bigEndian) { Array($0) }
        return (place + tag(place, query)).map {
            String(UnicodeScalar(UInt8.hexDigit($0 >> 4)))
                + String(UnicodeScalar(UInt8.hexDigit($0 & 15)))
        }.joined()
    }

    /// Errors: `bad_query`.
    package func open(_ text: String, for query: SearchQuery) throws(GatewayError) -> UInt64 {
        guard let bytes = Self.bytes(text), bytes.count == 8 + Self.tagLength,
            ConstantTime.areEqual(bytes[8...], tag(Array(bytes[..<8]), query))
        else {
            throw GatewayError(
                .badQuery,
                "The cursor is not the \"next\" of an earlier page of this very search; leave it out to begin anew.")
        }
        return bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func tag(_ place: [UInt8], _ query: SearchQuery) -> ArraySlice<UInt8> {
        Array(HMAC<SHA256>.authenticationCode(for: place + query.identity, using: key)).prefix(Self.tagLength)
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0, digits.count <= 128 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index].hexDigitValue, let low = digits[index + 1].hexDigitValue else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}

/// Keys of the index's own, so that its file holds no digest that could be tried out against guesses.
enum IndexKey {
    static func derive(_ vaultKey: SymmetricKey, _ purpose: String) -> SymmetricKey {
        SymmetricKey(
            data: HMAC<SHA256>.authenticationCode(for: Array("sallyport index: \(purpose)".utf8), using: vaultKey))
    }
}
