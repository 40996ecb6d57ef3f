import DequeModule

/// Values by exchange. Exchanges begin in the order of their ids and mostly end so, hence a queue: the first and the last
/// are found at once, any other by halving.
struct ExchangeTable<Value> {
    private var items: Deque<(id: ExchangeID, value: Value)> = []

    var isEmpty: Bool { items.isEmpty }
    var count: Int { items.count }
    /// In the order of the ids.
    var all: some Collection<(id: ExchangeID, value: Value)> { items }

    /// Reading, replacing, adding and removing by id, as with a dictionary.
    subscript(id: ExchangeID) -> Value? {
        get { index(of: id).map { items[$0].value } }
        _modify {
            let index = index(of: id)
            var value = index.map { items[$0].value }
            defer {
                switch (index, value) {
                case (let index?, let value?): items[index].value = value
                case (let index?, nil): items.remove(at: index)
                case (nil, let value?): items.insert((id, value), at: place(of: id))
                case (nil, nil): break
                }
            }
            yield &value
        }
    }

    mutating func removeValue(forKey id: ExchangeID) -> Value? {
        guard let index = index(of: id) else { return nil }
        return index == 0 ? items.removeFirst().value : items.remove(at: index).value
    }

    mutating func removeAll() {
        items.removeAll()
    }

    private func index(of id: ExchangeID) -> Int? {
        if let last = items.last, last.id == id { return items.count - 1 }
        let place = place(of: id)
        return place < items.count && items[place].id == id ? place : nil
    }

    /// Where `id` is or would be.
    private func place(of id: ExchangeID) -> Int {
        guard let last = items.last, id <= last.id else { return items.count }
        guard let first = items.first, first.id < id else { return 0 }
        var (low, high) = (0, items.count)
        while low < high {
            let middle = (low + high) / 2
            if items[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
