/// What a toy command says of itself: `<verdict><when><analysis> <verb> <token>`, e.g. `aic r2 qf`.
///
/// verdict: allow, hold, block, decided already, forbidden by the dialect · when: immediate, late, never, error, or the
/// question how many rows it is about first (more than 3 are blocked) · analysis: cached, uncached, none. The verb tells the target what to do; the token is unique in its session.
struct ToyText {
    enum When: Character {
        case immediate = "i"
        case late = "l"
        case never = "n"
        case error = "e"
        case question = "q"
    }

    var text: String
    var verdict: Character
    var when: When
    var analysis: Character
    var verb: Substring
    var token: String

    init?(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 3, words[0].count == 3 else { return nil }
        let marks = Array(words[0])
        guard let when = When(rawValue: marks[1]) else { return nil }
        self.text = text
        self.verdict = marks[0]
        self.when = when
        self.analysis = marks[2]
        self.verb = words[1]
        self.token = String(words[2])
    }

    init?(_ bytes: [UInt8]) {
        self.init(String(decoding: bytes, as: UTF8.self))
    }
}
