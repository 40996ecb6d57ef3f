/// What a reload of the policy did, or with a trial would do.
package struct PolicyReloadView: Codable, Sendable, Hashable {
    package struct Change: Codable, Sendable, Hashable {
        package var connection: String
        /// Versions of the policy, as entries name them.
        package var from: String
        package var to: String
        /// Names of rules.
        package var added: [String]
        package var removed: [String]
        package var changed: [String]
        package var diff: [String]
        /// Parts that open sessions keep as they were.
        package var newSessionsOnly: [String]

        package init(
            connection: String, from: String, to: String, added: [String], removed: [String], changed: [String],
            diff: [String], newSessionsOnly: [String]
        ) {
            self.connection = connection
            self.from = from
            self.to = to
            self.added = added
            self.removed = removed
            self.changed = changed
            self.diff = diff
            self.newSessionsOnly = newSessionsOnly
        }
    }

    package var changes: [Change]
    /// Keys of the file that only a restart takes over and that say something else than at the start.
    package var notReloaded: [String]
    /// Open sessions that are judged by the new rules from now on.
    package var sessions: Int

    package init(changes: [Change], notReloaded: [String], sessions: Int) {
        self.changes = changes
        self.notReloaded = notReloaded
        self.sessions = sessions
    }
}
