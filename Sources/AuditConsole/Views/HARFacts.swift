/// What an HTTP archive (HAR) says of the gateway: the session, and of each exchange the verdict.
package enum HARFacts {
    /// The API's own view of the session.
    package static func session(_ view: SessionView) -> [UInt8] { ConsoleJSON.encode(view) }

    /// The API's own view of the exchange without what the archive has a place of its own for.
    package static func exchange(_ view: ExchangeView) -> [UInt8] {
        var view = view
        (view.text, view.answer, view.input) = (nil, nil, nil)
        return ConsoleJSON.encode(view)
    }
}
