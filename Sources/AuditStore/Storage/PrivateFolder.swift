import Glibc

/// A folder that nobody but its owner may look into, opened once and never through a link.
package enum PrivateFolder {
    package enum Failure: Error {
        case missing
        case system(Int32)
        /// Others may look into it, or it is another's.
        case exposed
    }

    /// A descriptor of the folder `path`, for the caller to close. It must belong to whoever asks; root may also ask for
    /// whoever owns `data`.
    package static func open(_ path: String, of data: String) throws(Failure) -> Int32 {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw errno == ENOENT ? .missing : .system(errno) }
        var status = stat()
        var parent = stat()
        guard fstat(descriptor, &status) == 0, stat(data, &parent) == 0, status.st_mode & 0o077 == 0,
            status.st_uid == geteuid() || geteuid() == 0 && status.st_uid == parent.st_uid
        else {
            close(descriptor)
            throw .exposed
        }
        return descriptor
    }
}
