/// Where some of a recording's chunks begin, learnt by passing them, so that the next seek need not start at the front. A
/// recording only grows, so what is known stays true.
package struct ChunkMap: Sendable {
    struct Place: Sendable {
        var offset: UInt64
        var number: UInt32
        var sequence: UInt64
        var exchange: UInt64

        static let first = Place(offset: UInt64(RecordingHeader.length), number: 0, sequence: 0, exchange: 0)
    }

    /// 2 MiB; a longer recording is known at every second chunk, every fourth...
    private static let maximumPlaces = 64 << 10
    private var places: [Place] = []
    private var stride: UInt32 = 1

    package init() {}

    /// The last known place for which `isBefore` holds, as it does for all before it.
    func best(_ isBefore: (Place) -> Bool) -> Place {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(places[middle]) { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? .first : places[low - 1]
    }

    mutating func note(_ place: Place) {
        if let last = places.last, place.number < last.number.addingReportingOverflow(stride).partialValue { return }
        places.append(place)
        guard places.count > Self.maximumPlaces else { return }
        stride &*= 2
        places = places.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    }
}
