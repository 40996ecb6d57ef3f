import AuditStore
import Crypto
import Foundation
import GatewayCore
import Synchronization
import Testing

/// A file in memory.
final class MemoryFile: LogFile {
    private let bytes: Mutex<[UInt8]>

    init(_ bytes: [UInt8]) { self.bytes = Mutex(bytes) }

    func size() throws(StorageFailure) -> UInt64 { bytes.withLock { UInt64($0.count) } }
    func preallocate(_ length: UInt64) throws(StorageFailure) {}
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StorageFailure) {}
    func sync() throws(StorageFailure) {}
    func truncate(_ length: UInt64) throws(StorageFailure) {}

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StorageFailure) -> Int {
        bytes.withLock { bytes in
            guard offset < UInt64(bytes.count) else { return 0 }
            let part = bytes[Int(offset)...].prefix(buffer.count)
            buffer.copyBytes(from: part)
            return part.count
        }
    }
}

/// A recording as a model knows it, and its bytes.
struct ModelRecording {
    let header = RecordingHeader(session: RecordID(high: 0x0190_0000_0000_7001, low: 0x8000_0000_0000_0002), slot: 5)
    let key: SymmetricKey
    var items: [RecordingItem] = []
    /// Of each leaf: its place among the items, its sequence, its exchange.
    var leaves: [(place: Int, sequence: UInt64, exchange: UInt64)] = []
    var bytes: [UInt8] = []
    var end = RecordingEnd()
    /// Where chunks begin.
    var chunks: [Int] = []

    init(_ random: inout Seeded, exchanges: Int, largest: Int, isFinished: Bool) throws {
        key = SymmetricKey(data: (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        var segment: UInt64 = 1
        var position: UInt64 = 0
        var sealer = RecordingSealer(header, sessionKey: key, segment: segment, after: end)
        func content(_ random: inout Seeded) -> [UInt8] {
            let isText = Bool.random(using: &random)
            return (0..<Int.random(in: 0...largest, using: &random)).map { _ in
                isText ? 0x61 : UInt8(truncatingIfNeeded: random.next())
            }
        }
        for exchange in 1...UInt64(exchanges) {
            var fresh: [RecordingItem] = [
                .init(kind: .content, direction: 0, exchange: exchange, position: 0, payload: content(&random)),
                .init(kind: .leaf, direction: 0, exchange: 0, position: 0, payload: [1, 2, 3]),
            ]
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                fresh.append(
                    .init(kind: .chunk, direction: 1, exchange: exchange, position: 0, payload: content(&random)))
            }
            fresh.append(.init(kind: .leaf, direction: 0, exchange: 0, position: 0, payload: content(&random)))
            for var item in fresh {
                item.position = position
                position += 1
                if item.kind == .leaf {
                    leaves.append((items.count, UInt64(leaves.count), exchange))
                    try sealer.add(item, leaf: (UInt64(leaves.count - 1), exchange), to: &bytes)
                } else {
                    try sealer.add(item, leaf: nil, to: &bytes)
                }
                items.append(item)
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                segment += 1
                try sealer.flush(isLast: false, to: &bytes)
                sealer = RecordingSealer(header, sessionKey: key, segment: segment, after: sealer.end)
            }
        }
        try sealer.flush(isLast: isFinished, to: &bytes)
        end = sealer.end
        var offset = RecordingHeader.length
        while offset < bytes.count {
            chunks.append(offset)
            let head = try #require(RecordingChunk.decode(Array(bytes[offset...].prefix(RecordingChunk.length))))
            offset += RecordingChunk.length + head.sealedLength
        }
    }

    func reader(_ bytes: [UInt8]? = nil, length: UInt64? = nil) throws -> RecordingReader {
        let bytes = bytes ?? self.bytes
        return try RecordingReader(
            MemoryFile(bytes), session: header.session, key: key, length: length ?? UInt64(bytes.count))
    }

    /// All items and whether the recording is whole; throws where it is damaged.
    func read(_ bytes: [UInt8]) throws -> (items: [RecordingItem], isFinished: Bool) {
        var reader = try reader(bytes)
        var items: [RecordingItem] = []
        while let item = try reader.next() { items.append(item) }
        return (items, reader.isFinished)
    }
}

@Suite struct RecordingFormatTests {
    private func seeded(_ name: String = #function) -> (Seeded, String) {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed) of \(name)")
        return (Seeded(state: seed), "seed \(seed)")
    }

    @Test func whatWentInComesOut() throws {
        var (random, label) = seeded()
        for round in 0..<60 {
            let model = try ModelRecording(
                &random, exchanges: 1 + round % 20, largest: [10, 3000, 200_000][round % 3], isFinished: round % 2 == 0)
            #expect(model.end.length == UInt64(model.bytes.count), "\(label)")
            #expect(model.end.chunks == UInt32(model.chunks.count), "\(label)")
            #expect(model.end.sequence == UInt64(model.leaves.count), "\(label)")
            let (items, isFinished) = try model.read(model.bytes)
            #expect(items == model.items, "\(label) round \(round)")
            #expect(isFinished == (round % 2 == 0), "\(label)")
        }
    }

    @Test func everyEntryAndExchangeIsFoundFromItsSeek() throws {
        var (random, label) = seeded()
        for round in 0..<20 {
            let model = try ModelRecording(&random, exchanges: 30, largest: [100, 40_000][round % 2], isFinished: true)
            var map = ChunkMap()
            for leaf in model.leaves.shuffled(using: &random) {
                var reader = try model.reader()
                try reader.seek(sequence: leaf.sequence, &map)
                let before =
                    leaf.place > 0 && model.items[leaf.place - 1].kind == .content ? leaf.place - 1 : leaf.place
                var first = try #require(try reader.next())
                #expect(first.position <= UInt64(before), "\(label): entry \(leaf.sequence) passed")
                while first.position < UInt64(before) { first = try #require(try reader.next()) }
                #expect(first == model.items[before], "\(label)")

                try reader.seek(exchange: leaf.exchange, &map)
                let begin = try #require(model.items.firstIndex { $0.exchange == leaf.exchange })
                first = try #require(try reader.next())
                #expect(first.position <= UInt64(begin), "\(label): exchange \(leaf.exchange) passed")
            }
        }
    }

    @Test func chunksAreFullUnlessSomethingEnds() throws {
        var (random, label) = seeded()
        let model = try ModelRecording(&random, exchanges: 12, largest: 200_000, isFinished: true)
        let heads = try model.chunks.map { offset in
            try #require(RecordingChunk.decode(Array(model.bytes[offset...].prefix(RecordingChunk.length))))
        }
        for (one, next) in zip(heads, heads.dropFirst()) where one.segment == next.segment {
            #expect(one.plainLength == RecordingChunk.maximumPlain, "\(label)")
        }
        #expect(heads.map(\.isLast) == heads.indices.map { $0 == heads.count - 1 })
    }

    @Test func everyTruncationShows() throws {
        var (random, label) = seeded()
        let model = try ModelRecording(&random, exchanges: 9, largest: 300, isFinished: true)
        for length in 0..<model.bytes.count {
            let cut = Array(model.bytes.prefix(length))
            guard let found = try? model.read(cut) else { continue }
            // Only a cut between chunks reads at all, and it says that the end is missing.
            #expect(model.chunks.contains(length), "\(label): cut at \(length)")
            #expect(!found.isFinished, "\(label): cut at \(length)")
            #expect(throws: GatewayError.self, "\(label)") {
                try model.reader(cut, length: UInt64(model.bytes.count))
            }
        }
    }

    @Test func everyFlippedBitShows() throws {
        var (random, label) = seeded()
        let model = try ModelRecording(&random, exchanges: 6, largest: 200, isFinished: true)
        for byte in model.bytes.indices {
            for bit in 0..<8 {
                var bytes = model.bytes
                bytes[byte] ^= 1 << UInt8(bit)
                #expect(throws: GatewayError.self, "\(label): byte \(byte) bit \(bit)") { try model.read(bytes) }
            }
        }
    }

    @Test func movedDoubledMissingAndForeignChunksShow() throws {
        var (random, label) = seeded()
        let model = try ModelRecording(&random, exchanges: 8, largest: 60_000, isFinished: true)
        let other = try ModelRecording(&random, exchanges: 8, largest: 60_000, isFinished: true)
        func pieces(_ model: ModelRecording) -> [[UInt8]] {
            zip(model.chunks, model.chunks.dropFirst() + [model.bytes.count]).map { Array(model.bytes[$0..<$1]) }
        }
        let (own, foreign) = (pieces(model), pieces(other))
        let head = Array(model.bytes.prefix(RecordingHeader.length))
        func expectRefused(_ chunks: [[UInt8]], _ what: String) {
            #expect(throws: GatewayError.self, "\(label): \(what)") { try model.read(head + chunks.flatMap { $0 }) }
        }
        for index in own.indices {
            var chunks = own
            chunks.remove(at: index)
            if index < own.count - 1 { expectRefused(chunks, "without \(index)") }
            chunks = own
            chunks.insert(own[index], at: index)
            expectRefused(chunks, "\(index) twice")
            for later in own.indices where later > index {
                chunks = own
                chunks.swapAt(index, later)
                expectRefused(chunks, "\(index) and \(later) swapped")
            }
            chunks = own
            chunks[index] = foreign[min(index, foreign.count - 1)]
            expectRefused(chunks, "foreign \(index)")
        }
        expectRefused(own + [foreign[0]], "something after the last chunk")
        // The same session under another slot or name is another recording.
        for byte in [16, 35] {
            var bytes = model.bytes
            bytes[byte] ^= 1
            #expect(throws: GatewayError.self) { try model.read(bytes) }
        }
    }

    @Test func aFrameOfAnotherSizeIsNotUnpacked() throws {
        let bomb = try ZstdFrame.compress([UInt8](repeating: 0, count: 64 << 20))
        #expect(bomb.count < 16 << 10)
        #expect(ZstdFrame.decompress(bomb[...], length: 64 << 10) == nil)
        let frame = try ZstdFrame.compress(Array("hello".utf8))
        #expect(ZstdFrame.decompress(frame[...], length: 5) == Array("hello".utf8))
        #expect(ZstdFrame.decompress(frame[...], length: 4) == nil)
        #expect(ZstdFrame.decompress(frame[...], length: 6) == nil)
        #expect(ZstdFrame.decompress((frame + frame)[...], length: 10) == nil)
        #expect(ZstdFrame.decompress((frame + [0])[...], length: 5) == nil)
        #expect(ZstdFrame.decompress([], length: 0) == nil)
        #expect(ZstdFrame.decompress(try ZstdFrame.compress([])[...], length: 0) == [])
        for length in 0..<frame.count { #expect(ZstdFrame.decompress(frame.prefix(length), length: 5) == nil) }
    }

    /// The claims of a head are held against limits before anything is read or allocated.
    @Test func hostileHeadsAreRefused() throws {
        var (random, label) = seeded()
        let model = try ModelRecording(&random, exchanges: 3, largest: 5000, isFinished: true)
        for round in 0..<4000 {
            var bytes = model.bytes
            let start = try #require(model.chunks.randomElement(using: &random))
            for _ in 0...round % 6 {
                bytes[start + Int.random(in: 0..<RecordingChunk.length, using: &random)] =
                    [0, 1, 0x7F, 0x80, 0xFF]
                    .randomElement(using: &random) ?? 0
            }
            if bytes == model.bytes { continue }
            #expect(throws: GatewayError.self, "\(label) round \(round)") { try model.read(bytes) }
        }
        for round in 0..<2000 {
            let noise = (0..<Int.random(in: 0...400, using: &random)).map { _ in
                UInt8(truncatingIfNeeded: random.next())
            }
            let head = Array(model.bytes.prefix(RecordingHeader.length))
            if noise.isEmpty { continue }
            #expect(throws: GatewayError.self, "\(label) round \(round)") { try model.read(head + noise) }
        }
    }

    @Test func nothingGoesOnAfterTheEnd() throws {
        var (random, _) = seeded()
        let model = try ModelRecording(&random, exchanges: 2, largest: 100, isFinished: true)
        var sealer = RecordingSealer(model.header, sessionKey: model.key, segment: 9, after: model.end)
        var out: [UInt8] = []
        #expect(throws: GatewayError.self) { try sealer.add(model.items[0], leaf: nil, to: &out) }
    }

    /// A filing that is done again after a crash must not seal other bytes under the same key and nonce.
    @Test func theSameItemsAreNeverSealedTheSameWay() throws {
        let header = RecordingHeader(session: RecordID(high: 1, low: 2), slot: 0)
        let key = SymmetricKey(size: .bits256)
        let item = RecordingItem(kind: .chunk, direction: 1, exchange: 1, position: 0, payload: [1, 2, 3])
        var seen: Set<[UInt8]> = []
        for _ in 0..<50 {
            var sealer = RecordingSealer(header, sessionKey: key, segment: 1, after: RecordingEnd())
            var out: [UInt8] = []
            try sealer.add(item, leaf: nil, to: &out)
            try sealer.flush(isLast: false, to: &out)
            seen.insert(Array(out.dropFirst(RecordingHeader.length + RecordingChunk.length)))
        }
        #expect(seen.count == 50)
    }
}
