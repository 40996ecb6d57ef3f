/// What policy knows of a command that is an HTTP request; read when a rule asks, so that nothing is made ready in vain.
package protocol RequestFacts: Sendable {
    /// As sent: methods are case-sensitive.
    var method: String { get }
    /// The decoded segments of the normalised path; the last one is empty when it ends with a slash.
    var path: [[UInt8]] { get }
    /// The values of all fields of that name, which is in small letters.
    func header(_ name: String) -> [[UInt8]]
    /// The decoded values of all query parameters of that name.
    func query(_ name: String) -> [[UInt8]]
}
