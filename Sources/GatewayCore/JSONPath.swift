/// Where in a JSON value a mask or a guard applies: `$.customer.ssn`, `items[*].card`, `**.email`.
///
/// Steps: `.name` (with `*` for any run of characters, ASCII case aside), `."a.name"`, `[2]`, `[*]`, `**` for any depth. The `$`
/// may be left out. A member of an array is looked for in each of its elements, as in SQL/JSON's lax mode.
package struct JSONPath: Sendable, Hashable {
    package enum Step: Sendable, Hashable {
        case member(Glob)
        /// Nil: any.
        case element(Int?)
        case anyDepth
    }

    /// Bits of `states` are places in a path; one more is its end.
    package static let mostSteps = 60

    package let text: String
    package let steps: [Step]
    /// ASCII case of names does not count.
    package let anyCase: Bool

    /// Nil when `text` is no path, or names the whole value.
    package init?(_ text: String, anyCase: Bool = true) {
        var rest = Substring(text)
        var steps: [Step] = []
        if rest.first == "$" { rest.removeFirst() }
        var isFirst = rest.startIndex == text.startIndex
        while !rest.isEmpty {
            if rest.first == "[" {
                guard let close = rest.firstIndex(of: "]") else { return nil }
                let inner = rest[rest.index(after: rest.startIndex)..<close]
                guard inner == "*" || Int(inner).map({ $0 >= 0 }) ?? false else { return nil }
                steps.append(.element(Int(inner)))
                rest = rest[rest.index(after: close)...]
            } else {
                if rest.first == "." { rest.removeFirst() } else if !isFirst { return nil }
                guard let step = Self.member(&rest, anyCase) else { return nil }
                steps.append(step)
            }
            isFirst = false
        }
        guard !steps.isEmpty, steps.count <= Self.mostSteps, steps.last != .anyDepth else { return nil }
        self.text = text
        self.steps = steps
        self.anyCase = anyCase
    }

    private static func member(_ rest: inout Substring, _ anyCase: Bool) -> Step? {
        if rest.first == "\"" {
            rest.removeFirst()
            guard let close = rest.firstIndex(of: "\"") else { return nil }
            let name = rest[..<close]
            rest = rest[rest.index(after: close)...]
            return name.isEmpty ? nil : .member(Glob(String(name), anyCase: anyCase))
        }
        let name = rest.prefix { $0 != "." && $0 != "[" }
        rest = rest[name.endIndex...]
        guard !name.isEmpty, !name.contains("\""), !name.contains("]"), !name.contains("$") else { return nil }
        return name == "**" ? .anyDepth : .member(Glob(String(name), anyCase: anyCase))
    }

    // MARK: - Matching: a set of places, one bit each

    package var start: UInt64 { closed(1) }

    package func isEnd(_ states: UInt64) -> Bool { states >> UInt64(steps.count) & 1 == 1 }

    /// Where a walk that is at `states` gets with the member `name` of an object.
    package func next(_ states: UInt64, member name: String) -> UInt64 {
        var result: UInt64 = 0
        for index in steps.indices where states >> UInt64(index) & 1 == 1 {
            switch steps[index] {
            case .member(let glob): if glob.matches(name) { result |= 1 << UInt64(index + 1) }
            case .anyDepth: result |= 1 << UInt64(index)
            case .element: break
            }
        }
        return closed(result)
    }

    /// The same with an element of an array.
    package func next(_ states: UInt64, element: Int) -> UInt64 {
        var result: UInt64 = 0
        for index in steps.indices where states >> UInt64(index) & 1 == 1 {
            switch steps[index] {
            case .member, .anyDepth: result |= 1 << UInt64(index)
            case .element(let wanted): if wanted ?? element == element { result |= 1 << UInt64(index + 1) }
            }
        }
        return closed(result)
    }

    /// `**` may stand for nothing.
    private func closed(_ states: UInt64) -> UInt64 {
        var states = states
        for index in steps.indices where states >> UInt64(index) & 1 == 1 && steps[index] == .anyDepth {
            states |= 1 << UInt64(index + 1)
        }
        return states
    }
}
