import SessionKernel

/// A message of the target that is dealt with as it comes, because it is too large to wait for.
enum AnswerStream {
    case none
    /// That many bytes go on as they are.
    case pass(remaining: Int, of: ExchangeID?)
    /// A row whose masked columns are overwritten.
    case overwrite(OversizedRow, of: ExchangeID)
    /// That many bytes of a withheld answer go nowhere.
    case drop(remaining: Int)

    var isNone: Bool { if case .none = self { true } else { false } }
}
