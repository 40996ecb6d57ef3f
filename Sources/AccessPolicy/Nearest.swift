/// The suggestion of an error message.
package enum Nearest {
    /// The known word that takes the fewest edits to reach; nil when none is near.
    package static func word(to text: String, among known: some Sequence<String>) -> String? {
        let text = Array(text.lowercased().utf8.prefix(64))
        let limit = max(1, (text.count + 1) / 3)
        var best: (word: String, distance: Int)?
        for word in known {
            let distance = distance(text, Array(word.lowercased().utf8))
            if distance <= limit, distance < best?.distance ?? .max { best = (word, distance) }
        }
        return best?.word
    }

    /// Levenshtein distance.
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (i, a) in one.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in other.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
                diagonal = above
            }
        }
        return row[other.count]
    }
}
