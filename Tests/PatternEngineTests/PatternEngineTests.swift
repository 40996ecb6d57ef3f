import GatewayCore
import PatternEngine
import Testing

@Suite struct PatternEngineTests {
    /// It fails with a library that misses matches: then guards and masks are refused, and the library is to be replaced.
    @Test func isExactHere() throws {
        try PatternEngine.require(GatewayError.Code("test"))
        #expect(PatternEngine.version.hasPrefix("5."))
    }
}
