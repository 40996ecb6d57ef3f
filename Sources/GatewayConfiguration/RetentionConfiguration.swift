/// How long the content of some connections' sessions is kept; of several the first that names a connection counts.
package struct RetentionConfiguration: Sendable, Hashable {
    /// Nil for every connection, also those that are not configured any more.
    package var connections: Set<String>?
    /// Seconds after the session's end; nil for any time.
    package var age: Int?
    /// Bytes of each connection's recordings together; nil for any number.
    package var size: Int?

    package init(connections: Set<String>?, age: Int?, size: Int?) {
        self.connections = connections
        self.age = age
        self.size = size
    }
}
