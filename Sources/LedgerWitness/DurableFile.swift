package import AuditStore

/// Files that are either whole and durable under their name, or not there.
package enum DurableFile {
    /// Makes `path` with these bytes unless there is such a file, and makes its name durable; a file that is there already
    /// stays as it is, so racing makers agree on one.
    ///
    /// The bytes are synced under another name before they get theirs, and the folder after that: whoever finds the
    /// name finds all of them. A leftover of an earlier attempt is written over.
    package static func make(
        _ path: String, in folder: String, _ bytes: [UInt8], storage: any LogStorage
    ) throws(StorageFailure) {
        let temporary = path + ".new"
        let file = try storage.open(temporary, create: true)
        try file.truncate(UInt64(bytes.count))
        try file.write(bytes, at: 0)
        try file.sync()
        try storage.link(temporary, to: path)
        try storage.remove(temporary)
        try storage.syncDirectory(folder)
    }
}
