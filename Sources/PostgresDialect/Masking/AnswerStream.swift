import SessionKernel

/// A message of the target that is passed on as it comes, because it is too large to wait for.
enum AnswerStream {
    case none
    /// That many bytes go on as they are.
    case pass(remaining: Int, of: ExchangeID?)

    var isNone: Bool { if case .none = self { true } else { false } }
}
