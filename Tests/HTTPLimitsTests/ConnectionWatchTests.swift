import HTTPLimits
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@Suite struct ConnectionWatchTests {
    private static let limits = ConnectionLimits()

    private func connect(_ address: String = "192.0.2.1", _ seats: AddressSeats = AddressSeats(most: 2)) throws
        -> EmbeddedChannel
    {
        let channel = EmbeddedChannel(handler: ConnectionWatch(Self.limits, seats))
        // Known before the channel is active, as it is of an accepted socket.
        channel.remoteAddress = try SocketAddress(ipAddress: address, port: 5000)
        try channel.connect(to: SocketAddress(ipAddress: address, port: 5000)).wait()
        return channel
    }

    private func ask(_ channel: EmbeddedChannel) throws {
        try channel.writeInbound(
            HTTPRequestPart.head(HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/")))
        try channel.writeInbound(HTTPRequestPart.end(nil))
    }

    private func answer(_ channel: EmbeddedChannel) throws {
        try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .ok)))
        try channel.writeOutbound(HTTPResponsePart.end(nil))
    }

    private func pass(_ seconds: Int64, _ channel: EmbeddedChannel) {
        channel.embeddedEventLoop.advanceTime(by: .seconds(seconds))
    }

    @Test func whoSendsNoWholeHeadIsClosed() throws {
        let channel = try connect()
        pass(59, channel)
        #expect(channel.isActive)
        pass(1, channel)
        #expect(!channel.isActive)
    }

    @Test func eachRequestHasItsTimeAnew() throws {
        let channel = try connect()
        for _ in 0..<5 {
            pass(50, channel)
            try ask(channel)
            pass(590, channel)
            #expect(channel.isActive)
            try answer(channel)
        }
        pass(60, channel)
        #expect(!channel.isActive)
    }

    @Test func anAnswerThatDoesNotEndIsCut() throws {
        let channel = try connect()
        try ask(channel)
        pass(599, channel)
        #expect(channel.isActive)
        pass(1, channel)
        #expect(!channel.isActive)
    }

    /// Requests sent ahead must not put off the answer's end for ever.
    @Test func sendingAheadDoesNotProlong() throws {
        let channel = try connect()
        try ask(channel)
        pass(599, channel)
        try ask(channel)
        pass(1, channel)
        #expect(!channel.isActive)
    }

    @Test func whoDoesNotReadIsClosed() throws {
        let channel = try connect()
        try ask(channel)
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        pass(29, channel)
        #expect(channel.isActive)
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        pass(100, channel)
        #expect(channel.isActive, "it has read on")
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        pass(30, channel)
        #expect(!channel.isActive)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("2001:db8::1", "2001:db8::2", true),
        ("2001:db8::1", "2001:db8:0:1::1", false), ("::ffff:192.0.2.1", "192.0.2.1", true),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
    ]) func oneAddressDoesNotTakeAllPlaces(_ one: String, _ other: String, _ isSame: Bool) throws {
        let seats = AddressSeats(most: 2)
        let first = try connect(one, seats)
        let second = try connect(one, seats)
        #expect(first.isActive && second.isActive)
        let third = try connect(other, seats)
        #expect(third.isActive != isSame)
        try first.close().wait()
        let fourth = try connect(other, seats)
        #expect(fourth.isActive, "a place that was left is free")
    }
}
