/// A judged command as people read it.
enum PolicyText {
    static func print(_ judged: JudgedCommand, connection: String, subject: String?) {
        Output.line(Output.styled(judged.command, .bold))
        if let subject, let isAdmitted = judged.isAdmitted {
            Output.line("  \(subject) \(isAdmitted ? "may" : "may not") use \(connection)")
        }
        for (index, statement) in judged.statements.enumerated() {
            Output.line("  statement \(index + 1): \(statement.verb), \(statement.classes.joined(separator: " "))")
            list("reads", statement.reads)
            list("writes", statement.writes)
            list("functions", statement.functions)
            list("effect not known", statement.unknownCalls)
            list("settings", statement.settings)
            if statement.isWithoutWhere { Output.line("    no WHERE spares a row") }
        }
        if let request = judged.request {
            Output.line("  request: \(request.method) \(request.object), \(request.classes.joined(separator: " "))")
        }
        if let reason = judged.notUnderstood { Output.line("  not understood: \(reason)") }
        for step in judged.steps {
            let mark = !step.isMet ? "not met" : step.isObserved == true ? "log, would \(step.then)" : step.then
            Output.line("  \(step.rule): \(mark): \(step.reasons.joined(separator: "; "))")
        }
        let rules = judged.decidedBy.isEmpty ? "" : " by \(judged.decidedBy.joined(separator: ", "))"
        Output.line("  verdict: " + Output.styled(judged.verdict, colour(judged.verdict)) + rules)
        if let would = judged.would { Output.line("    would be \(would) if rules that only log counted") }
        if let message = judged.message, judged.verdict != "allow" { Output.line("    \(message)") }
        if let groups = judged.approverGroups { Output.line("    approvers: \(groups.joined(separator: ", "))") }
        Output.line()
    }

    private static func list(_ label: String, _ names: [String]) {
        if !names.isEmpty { Output.line("    \(label): \(names.joined(separator: ", "))") }
    }

    private static func colour(_ verdict: String) -> Output.Style {
        switch verdict {
        case "allow": .green
        case "hold": .yellow
        default: .red
        }
    }
}
