import AuditLedger
import AuditStore
import Crypto
package import GatewayCore

/// The durable record of one log, in a file of its own that holds it twice.
///
/// Each copy is written and synced before the other is touched, so a crash tears at most one, and what tears was never
/// answered. Once `store` has returned both hold the newest record: one that rots later cannot bring back an older one.
/// A file without any whole copy is not taken for a new one, since that would forget what was cosigned.
struct WitnessFile {
    static let folder = "logs"
    private static let copyAt: [UInt64] = [0, 512 << 10]

    private let file: any LogFile
    private let origin: [UInt8]

    /// Opens or makes the file. Errors: `witness.state` when it is damaged or the disk fails.
    static func open(_ storage: any LogStorage, origin: String) throws(GatewayError) -> (WitnessFile, WitnessRecord) {
        let bytes = Array(origin.utf8)
        let path = folder + "/" + name(of: bytes)
        do throws(StorageFailure) {
            if !(try storage.list(folder)).contains(name(of: bytes)) {
                try DurableFile.make(path, in: folder, image(of: .start, bytes), storage: storage)
            }
            let known = WitnessFile(file: try storage.open(path, create: false), origin: bytes)
            let copies = try copyAt.map { offset throws(StorageFailure) in try known.read(at: offset) }
            if let record = copies.compactMap({ $0 }).max(by: { $0.sequence < $1.sequence }) {
                // What a crash left half done is finished before anything is answered from it.
                if copies.contains(where: { $0 != record }) { try known.store(record) }
                return (known, record)
            }
        } catch {
            throw GatewayError(.witnessState, "The witness's state \(path) cannot be read or made.", cause: error)
        }
        throw GatewayError(
            .witnessState,
            "The witness's state \(path) is damaged, so it is not known what was cosigned last for this log. Bring the file back from a backup that is newer than the last cosignature; never start it anew."
        )
    }

    /// SHA-256 of the origin in hexadecimal: also how the log is named in the path of its checkpoint.
    static func name(of origin: [UInt8]) -> String { TreeHash(Array(SHA256.hash(data: origin)))?.hex ?? "" }

    /// Makes `record` durable, twice. After an error the file must not be used again.
    func store(_ record: WitnessRecord) throws(StorageFailure) {
        let bytes = record.encoded(origin: origin)
        for offset in Self.copyAt {
            try file.write(bytes, at: offset)
            try file.sync()
        }
    }

    private func read(at offset: UInt64) throws(StorageFailure) -> WitnessRecord? {
        let start = try file.read(WitnessRecord.headLength, at: offset)
        guard let length = WitnessRecord.restLength(start) else { return nil }
        let rest = try file.read(length, at: offset + UInt64(WitnessRecord.headLength))
        return WitnessRecord(start + rest, origin: origin)
    }

    private static func image(of record: WitnessRecord, _ origin: [UInt8]) -> [UInt8] {
        let copy = record.encoded(origin: origin)
        return copy + [UInt8](repeating: 0, count: Int(copyAt[1]) - copy.count) + copy
    }
}

extension GatewayError.Code {
    /// A witness's stored state is damaged or cannot be written.
    package static let witnessState = Self("witness.state")
    /// A witness cannot be set up as asked.
    package static let witnessSetup = Self("witness.setup")
}
