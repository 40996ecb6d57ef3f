/// How a masked value is shown. Client and record get the same masked bytes.
package enum MaskMethod: String, Sendable, CaseIterable {
    /// `***`, whatever the value's length.
    case redact
    /// Keeps what people recognise a value by: the last four of a card, the first letter and the domain of an e-mail.
    case partial
    /// The protocol's own "no value".
    case null
    /// The first 16 hexadecimal digits of HMAC-SHA256 under the connection's key: equal values stay equal, within one
    /// connection.
    case hash

    /// Where several rules match one value the one that shows least wins.
    package var strictness: Int {
        switch self {
        case .partial: 0
        case .hash: 1
        case .redact: 2
        case .null: 3
        }
    }

    /// Appends the masked form of one text value to `output`.
    ///
    /// - Returns: false for `null`, when nothing was appended and the protocol's null must stand in for the value.
    package func apply(to value: UnsafeRawBufferPointer, into output: inout [UInt8], key: MaskKey) -> Bool {
        switch self {
        case .null:
            return false
        case .redact:
            output.append(contentsOf: Self.stars)
        case .partial:
            PartialMask.append(value, into: &output)
        case .hash:
            key.appendHash(of: value, into: &output)
        }
        return true
    }

    static let stars: [UInt8] = Array("***".utf8)
}
