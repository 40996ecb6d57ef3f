/// A model of a server that speaks the toy protocol: lines in, answers out, one after the other.
struct ToyTarget {
    private(set) var output: [UInt8] = []
    private(set) var hasEnded = false
    private var backlog: [String] = []
    private var running: (token: String, isPipelined: Bool)?
    private var isEstimating = false
    private var copying: String?
    private var isSkipping = false

    mutating func receive(_ line: String) {
        backlog.append(line)
        work()
    }

    /// A cancel request came in on a connection of its own; it hits whatever runs now.
    mutating func cancel() {
        guard let (token, isPipelined) = running else { return }
        running = nil
        if isEstimating {
            isEstimating = false
            answer("Q \(token) !")
            return work()
        }
        isSkipping = isPipelined
        answer("F \(token) 57014")
        work()
    }

    mutating func takeOutput(_ count: Int) -> [UInt8] {
        let piece = Array(output.prefix(count))
        output.removeFirst(piece.count)
        return piece
    }

    /// A command runs that ends only when cancelled.
    var isRunning: Bool { running != nil }

    mutating func say(_ line: String) { answer(line) }

    private mutating func answer(_ line: String) {
        output.append(contentsOf: line.utf8)
        output.append(UInt8(ascii: "\n"))
    }

    private mutating func work() {
        while running == nil, !backlog.isEmpty {
            let line = backlog.removeFirst()
            let rest = String(line.dropFirst(2))
            switch line.first {
            case "U": answer("G hello")
            case "X": hasEnded = true
            case "S":
                isSkipping = false
                copying = nil
                answer("Z")
            case "Q": estimate(rest)
            case "I":
                guard let token = copying, rest.hasPrefix(".") else { break }
                copying = nil
                answer("O \(token)")
            case "C", "E", "P": if !isSkipping { execute(rest, isPipelined: line.first != "C") }
            default: break
            }
        }
    }

    private mutating func estimate(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 3 else { return answer("B") }
        let token = String(words[1])
        if words[2] == "run" {
            isEstimating = true
            running = (token, false)
        } else {
            answer("Q \(token) \(words[2] == "err" ? "!" : String(Int(words[2].dropFirst()) ?? 0))")
        }
    }

    private mutating func execute(_ text: String, isPipelined: Bool) {
        let words = text.split(separator: " ")
        if words.first == "!fail", words.count == 2 {
            isSkipping = isPipelined
            return answer("F \(words[1]) 25P02")
        }
        guard let toy = ToyText(text) else { return answer("B") }
        switch toy.verb {
        case "err":
            isSkipping = isPipelined
            answer("D \(toy.token) 4 half")
            answer("F \(toy.token) 22012")
        case "run": running = (toy.token, isPipelined)
        case "copy": copying = toy.token
        case "look":
            answer("L")
            answer("D \(toy.token) 4444")
            answer("O \(toy.token)")
        case "note":
            answer("N \(toy.token) 4711")
            answer("O \(toy.token)")
        case "big":
            answer("D \(toy.token) " + String(repeating: "4x", count: 5000))
            answer("O \(toy.token)")
        default:
            for row in 0..<(Int(toy.verb.dropFirst()) ?? 0) { answer("D \(toy.token) \(row % 4) 4444") }
            answer("O \(toy.token)")
        }
    }
}
