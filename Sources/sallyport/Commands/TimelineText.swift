import AuditConsole

/// A recording as text for people.
struct TimelineText {
    /// Rows shown of each answer.
    let rows: Int
    private static let widest = 60

    func print(_ recording: RecordingView) {
        let session = recording.session
        Output.line(Output.styled("Session \(session.id)", .bold))
        let who = session.principal.map { $0.label + " (" + $0.subject + " of " + $0.issuer + ")" } ?? "-"
        fact("who", who)
        if let agent = session.agent {
            let parts = [
                agent.name, agent.model.map { "model " + $0 }, agent.run.map { "run " + $0 },
                agent.purpose.map { "for: " + $0 },
                agent.onBehalfOf.map { "on behalf of " + $0 }, agent.trust,
            ]
            fact("agent", parts.compactMap(\.self).joined(separator: ", "))
        }
        fact(
            "to",
            [session.connection, session.database.map { "database " + $0 }, session.role.map { "as " + $0 }].compactMap(
                \.self
            ).joined(separator: ", "))
        fact("from", session.clientAddress ?? "-")
        fact(
            "when",
            session.opened + (session.closed.map { " to " + $0 } ?? "") + ", " + session.state
                + (session.reason.map { " (" + $0 + ")" } ?? ""))
        if let durability = session.durability { fact("durability", durability) }
        for exchange in recording.exchanges { print(exchange, isHTTP: session.kind == "http") }
    }

    private func fact(_ name: String, _ value: String) {
        Output.line("  " + Output.styled(name.padded(to: 8), .faint) + Output.safe(value))
    }

    private func print(_ exchange: ExchangeView, isHTTP: Bool) {
        Output.line()
        var head = "#\(exchange.exchange)  \(exchange.time.dropFirst(11).prefix(12))  " + verdict(exchange)
        if let rules = exchange.rules?.filter({ !(exchange.observed ?? []).contains($0) }), !rules.isEmpty {
            head += ", rule " + Output.safe(rules.joined(separator: ", "))
        }
        if let observed = exchange.observed, !observed.isEmpty {
            let would = exchange.would.map { "would be \($0) by " } ?? "also met: "
            head += ", " + would + Output.safe(observed.joined(separator: ", "))
        }
        if let continued = exchange.continues { head += " (continues #\(continued))" }
        Output.line(head)
        if let text = exchange.text {
            if isHTTP { print(RequestText(text)) } else { block(text) }
        }
        if let parameters = exchange.parameters, !parameters.isEmpty {
            let shown = parameters.enumerated().map {
                "$\($0.offset + 1) = " + ($0.element.map { "'" + short($0) + "'" } ?? "NULL")
            }
            Output.line("    " + Output.styled("with ", .faint) + shown.joined(separator: ", "))
        }
        if let approval = exchange.approval { print(approval, exchange) }
        if let text = exchange.substituted {
            Output.line("    " + Output.styled("sent in its place: ", .faint) + short(text))
        }
        if let input = exchange.input { Output.line("    " + Output.styled("input: ", .faint) + short(input)) }
        if let columns = exchange.unmasked {
            let by = (exchange.unmaskedBy ?? []).joined(separator: ", ")
            let words = "unmasked by approval \(by): " + columns.joined(separator: ", ")
            Output.line("    " + Output.styled(Output.safe(words), .red))
        }
        if let answer = exchange.answer { print(answer) }
        if let messages = exchange.messages { print(messages) }
        if let outcome = exchange.outcome { print(outcome, exchange, isHTTP: isHTTP) }
    }

    private func print(_ request: RequestText) {
        block(request.line)
        for field in request.fields { Output.line("    " + Output.styled(Output.safe(field), .faint)) }
        if let body = request.body {
            Output.line()
            block(body, nil)
        }
        Output.line()
    }

    private func verdict(_ exchange: ExchangeView) -> String {
        let types = Set(exchange.steps.map(\.type))
        if types.contains("command.granted") { return Output.styled("held, then granted", .green) }
        if types.contains("command.denied") { return Output.styled("held, then denied", .red) }
        if types.contains("command.expired") { return Output.styled("held, then expired", .red) }
        if types.contains("command.deferred") { return Output.styled("held, to be sent again", .yellow) }
        switch exchange.verdict {
        case "block": return Output.styled("blocked", .red)
        case "hold": return Output.styled("held", .yellow)
        case "allow": return Output.styled("allowed", .green)
        default: return exchange.verdict ?? "-"
        }
    }

    private func print(_ approval: ExchangeView.Approval, _ exchange: ExchangeView) {
        let parts = [
            approval.approver.map { "decided by " + $0.label }, approval.id.map { "approval " + $0 },
            approval.reason.map { "reason: " + $0 },
        ]
        let text = parts.compactMap(\.self).joined(separator: ", ")
        if !text.isEmpty { Output.line("    " + Output.safe(text)) }
    }

    private func print(_ answer: AnswerView) {
        for notice in answer.notices { Output.line("    " + Output.styled("notice: ", .faint) + Output.safe(notice)) }
        for result in answer.results where !result.columns.isEmpty || !result.rows.isEmpty {
            // A client that asked for no description got none.
            let columns = result.columns.isEmpty ? result.rows[0].indices.map { "column \($0 + 1)" } : result.columns
            let shown = result.rows.prefix(rows).map { $0.map { $0.map(short) ?? "NULL" } }
            Output.table(columns.map { short($0) }, Array(shown), indent: "    ")
            if result.rows.count > rows {
                Output.line("    " + Output.styled("... and \(result.rows.count - rows) more rows (--rows)", .faint))
            }
        }
        if let text = answer.text { block(text, nil) }
        for line in (answer.copy ?? []).prefix(rows) {
            Output.line("    " + Output.styled("copied: ", .faint) + short(line))
        }
        if answer.isTruncated {
            Output.line("    " + Output.styled("(the recorded answer is longer than what is shown)", .faint))
        }
    }

    private func print(_ messages: [ExchangeView.Message]) {
        for message in messages.prefix(rows) {
            var line = message.from == "client" ? "    -> " : "    <- "
            line += Output.styled(message.kind, .faint)
            if let code = message.code { line += " \(code)" }
            if message.text == nil, message.bytes > 0 { line += " (\(message.bytes) bytes)" }
            if let text = message.text { line += " " + short(text) }
            if message.isTruncated == true { line += Output.styled(" (\(message.bytes) bytes, not all shown)", .faint) }
            Output.line(line)
        }
        if messages.count > rows {
            Output.line("    " + Output.styled("... and \(messages.count - rows) more messages (--rows)", .faint))
        }
    }

    private func print(_ outcome: ExchangeView.Outcome, _ exchange: ExchangeView, isHTTP: Bool) {
        let isGood = outcome.kind == "success" || outcome.kind == "suspended"
        var text = Output.styled(Output.safe(outcome.tag ?? outcome.kind), isGood ? .green : .red)
        if let code = outcome.code { text += " " + Output.safe(code) }
        if let error = outcome.error { text += ": " + Output.safe(error) }
        var facts: [String] = []
        if isHTTP, let bytes = exchange.bytesIn { facts.append("\(bytes) bytes sent") }
        if !isHTTP, let rows = exchange.rows { facts.append(rows == 1 ? "1 row" : "\(rows) rows") }
        if let bytes = exchange.bytesOut { facts.append("\(bytes) bytes" + (isHTTP ? " answered" : "")) }
        if let micros = exchange.durationMicros { facts.append(Self.time(micros)) }
        if let micros = exchange.waitMicros, micros > 100_000 {
            facts.append("of it \(Self.time(micros)) before it was forwarded")
        }
        Output.line(
            "    => " + text + (facts.isEmpty ? "" : Output.styled("  (" + facts.joined(separator: ", ") + ")", .faint))
        )
    }

    private static func time(_ micros: Int) -> String {
        micros < 1_000_000
            ? "\(micros / 1000).\(String(micros % 1000 / 100)) ms"
            : "\(micros / 1_000_000).\(micros % 1_000_000 / 100_000) s"
    }

    private func block(_ text: String, _ style: Output.Style? = .bold) {
        for line in Output.safe(text, keepingLines: true).split(separator: "\n", omittingEmptySubsequences: false) {
            let shown = style.map { Output.styled(String(line), $0) } ?? String(line)
            Output.line("    " + shown)
        }
    }

    private func short(_ text: String) -> String {
        let safe = Output.safe(text)
        return safe.count > Self.widest ? String(safe.prefix(Self.widest - 1)) + "…" : safe
    }
}

extension String {
    func padded(to width: Int) -> String {
        count >= width ? self : self + String(repeating: " ", count: width - count)
    }
}
