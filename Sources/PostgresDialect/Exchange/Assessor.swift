import AccessPolicy
import AuditLedger
import DataMasking
import GatewayCore
import NIOCore
package import SQLAnalysis
package import SessionKernel

/// What the dialect keeps of a command between its assessment and its forwarding.
struct CommandNote {
    enum Kind {
        case query
        case parse(statement: String)
        case bind(portal: String, statement: String)
        case execute(portal: String)
        case functionCall
        case oversized(UInt8)
    }

    var id: ExchangeID
    var kind: Kind
    /// Everything it may run.
    var meanings: [Meaning] = []
    var resultFormats: [Int16] = []
    /// It reads from a cursor that may have outlived its transaction: the schema's version when that was declared.
    var heldSince: UInt64?
    /// Its assessment was made before, with the settings it changes.
    var isAssessed = false
}

extension PostgresDialect {
    package mutating func assess(_ command: Command, analysis: SQLAnalysis?) -> Assessment {
        var note = CommandNote(id: command.id, kind: .query)
        var assessment = judge(command, analysis, &note)
        if assessment.refusal == nil, !note.isAssessed { assessment.refusal = settingRefusal(note) }
        if hasMasks { note.heldSince = heldSince(note) }
        notes.append(note)
        return assessment
    }

    private mutating func judge(_ command: Command, _ analysis: SQLAnalysis?, _ note: inout CommandNote) -> Assessment {
        if let (type, length) = framing.oversized[command.id] {
            framing.settledOversized(command.id)
            note.kind = .oversized(type)
            return tooLarge(length)
        }
        switch command.bytes.getInteger(at: command.bytes.readerIndex, as: UInt8.self) {
        case FrontendType.query:
            note.kind = .query
            note.meanings = [meaning(of: command, analysis)]
            return textAssessment(note, analysis, command.text ?? [])
        case FrontendType.parse:
            guard let parse = ParseMessage(command.bytes) else { break }
            note.kind = .parse(statement: parse.statement)
            var meaning = meaning(of: command, analysis, parameterTypes: parse.parameterTypes)
            meaning.isParsed = true
            note.meanings = [meaning]
            var assessment = textAssessment(note, analysis, command.text ?? [])
            if !names.prepare(parse.statement, meaning, limit: limits.names) { assessment.refusal = tooManyNames }
            return assessment
        case FrontendType.bind:
            guard let bind = BindMessage(command.bytes) else { break }
            note.kind = .bind(portal: bind.portal, statement: bind.statement)
            note.resultFormats = bind.resultFormats
            let boundary = framing.lastBoundary(before: command.id)
            note.meanings = names.statement(bind.statement, behind: boundary)
            var assessment = boundAssessment(&note, bind)
            assessment.subject.estimate = estimate(of: note, behind: boundary)
            if !framing.takeDescribed(command.id), let columns = recordedColumns(note, bind) {
                assessment.content.append(columns)
            }
            if !names.open(bind.portal, note.meanings, number: command.id.number, limit: limits.names) {
                assessment.refusal = tooManyNames
            }
            return assessment
        case FrontendType.execute:
            guard let execute = ExecuteMessage(command.bytes) else { break }
            note.kind = .execute(portal: execute.portal)
            note.meanings = names.portals[execute.portal] ?? []
            var assessment = Assessment(
                subject: subject(note.meanings, text: [], missing: "the portal \"\(execute.portal)\" is not known"))
            // A portal that a Bind made was decided with it.
            assessment.isDecided = command.continues != nil
            describe(note.meanings, in: &assessment)
            if assessment.verb.isEmpty { assessment.verb = "EXECUTE" }
            if !assessment.isDecided { assessment.prepared = shown(note.meanings) }
            return assessment
        case FrontendType.functionCall:
            guard let call = FunctionCallMessage(command.bytes) else { break }
            note.kind = .functionCall
            return functionCall(call.function)
        default:
            break
        }
        var assessment = Assessment(subject: subject([], text: [], missing: "the message is malformed"))
        assessment.refusal = Refusal(code: "08P01", message: "The message is malformed.")
        return assessment
    }

    /// The function is named by its OID. Those that libpq and JDBC call so are the server's own, with OIDs that never
    /// change; of any other nothing is known.
    private func functionCall(_ function: UInt32) -> Assessment {
        let name = LargeObjectFunctions.name(of: function)
        // The answer is no row, so masks could not follow it.
        let isKnown = name != nil && !hasMasks
        var subject = subject(
            [], text: [], missing: isKnown ? nil : "a function call by OID \(function)")
        subject.classes = name == nil ? [.functionCall, .unknownEffect] : [.functionCall, .largeObject]
        subject.functions = [name ?? String(function)]
        if name == nil { subject.unknownCalls = ["the function with OID \(function)"] }
        return Assessment(
            subject: subject, classes: subject.classes.map(\.rawValue).sorted(), verb: "FUNCTION",
            objects: subject.functions)
    }

    /// The oldest one's of the cursors that are read from; a number that no version has where one is not known.
    private func heldSince(_ note: CommandNote) -> UInt64? {
        var cursors: [[Meaning]?] = note.meanings.flatMap(\.facts).compactMap { facts in
            if case .fetches(let name) = facts.name { names.portals[name] ?? [] } else { nil }
        }
        if case .execute = note.kind { cursors.append(note.meanings) }
        let known = cursors.compactMap(\.self)
        if known.contains(where: \.isEmpty) { return .max }
        return known.joined().compactMap(\.heldSince).min()
    }

    private func meaning(
        of command: Command, _ analysis: SQLAnalysis?, parameterTypes: [UInt32] = []
    ) -> Meaning {
        guard let analysis else {
            let reason = NotUnderstood(message: "the text was not analysed")
            return Meaning(number: command.id.number, facts: [], notUnderstood: reason)
        }
        return Meaning(
            number: command.id.number, facts: analysis.statements, notUnderstood: analysis.notUnderstood,
            analysis: analysis, parameterTypes: parameterTypes)
    }

    private func tooLarge(_ length: Int) -> Assessment {
        let reason = NotUnderstood(
            message: "the message has \(length) bytes, the limit is \(limits.command)", setting: "limits.command")
        var assessment = Assessment(
            subject: subject([], text: [], missing: reason.message), classes: [StatementClass.unknown.rawValue])
        assessment.refusal = Refusal(
            code: "54000", message: "The command is too large to be judged: \(reason.message).",
            hint: "Send large data with COPY, or ask for a higher limits.command.")
        return assessment
    }

    private var tooManyNames: Refusal {
        Refusal(
            code: "54000",
            message:
                "The name is longer than \(NameTable.maximumNameLength) bytes, or more than \(limits.names) names are open.",
            hint: "Close statements and portals that are not needed any more.")
    }

    // MARK: - Texts

    /// A Query or a Parse: its own text, and what the names in it stand for.
    private mutating func textAssessment(_ note: CommandNote, _ analysis: SQLAnalysis?, _ text: [UInt8]) -> Assessment {
        let recorded = analysis.map { RecordText.masked($0, masks) } ?? (hasMasks ? RecordText.hidden : text)
        var named: [Meaning] = []
        for facts in note.meanings.flatMap(\.facts) { named += follow(facts, note.id, recorded) }
        let all = note.meanings + named
        losePath(all)
        var subject = subject(all, text: text, missing: nil)
        if subject.notUnderstood == nil, hasMasks {
            subject.notUnderstood = note.meanings.flatMap(\.facts).compactMap(unmaskable).first
        }
        var assessment = Assessment(subject: subject)
        describe(all, in: &assessment)
        if let analysis, assessment.classes.isEmpty {
            assessment.classes = analysis.apparentClasses.map(\.rawValue)
        }
        assessment.content = [ContentItem(.text, recorded)]
        assessment.breakGlass = Self.breakGlass(analysis)
        assessment.prepared = shown(named)
        return assessment
    }

    /// Notes what a statement does to names, and gives what a name in it stands for. A statement of the protocol's
    /// Parse
    /// does it each time it is bound.
    ///
    /// - Parameter text: the statement as recorded.
    private mutating func follow(_ facts: StatementFacts, _ id: ExchangeID, _ text: [UInt8]) -> [Meaning] {
        switch facts.name {
        case .prepares(let name):
            // The inner text is known by its facts; a name that finds no room stays unknown, which is not understood
            // later.
            var meaning = Meaning(number: id.number, facts: facts.inner)
            meaning.shown = Self.head(of: text)
            _ = names.prepare(name, meaning, limit: limits.names)
            return []
        case .declaresCursor(let name):
            var meaning = Meaning(number: id.number, facts: facts.inner)
            meaning.isCursor = true
            if String(decoding: text, as: UTF8.self).lowercased().contains("hold") {
                meaning.heldSince = terms?.schema.current
            }
            meaning.shown = Self.head(of: text)
            if !names.open(name, [meaning], number: id.number, limit: limits.names) { return [unknownName(name, id)] }
            return []
        case .executes(let name):
            return names.statements[name] ?? [unknownName(name, id)]
        case .fetches(let name):
            return names.portals[name] ?? [unknownName(name, id)]
        default:
            return []
        }
    }

    private func unknownName(_ name: String, _ id: ExchangeID) -> Meaning {
        Meaning(
            number: id.number, facts: [],
            notUnderstood: NotUnderstood(message: "nothing is known of the prepared statement or cursor \"\(name)\""))
    }

    /// Bytes of a text that are kept for whoever is asked about a command that names it.
    private static let mostShown = 16 << 10

    private static func head(of text: [UInt8]) -> [UInt8] {
        guard text.count > mostShown else { return text }
        return text.prefix(mostShown) + Array(" [... cut, \(text.count) bytes in all]".utf8)
    }

    /// The texts that names stand for, as recorded, each once: an approver decides on them, not on a name.
    private func shown(_ meanings: [Meaning]) -> [[UInt8]] {
        var texts: [[UInt8]] = []
        for meaning in meanings {
            let text = meaning.shown ?? meaning.analysis.map { Self.head(of: RecordText.masked($0, masks)) }
            if let text, !texts.contains(text) { texts.append(text) }
        }
        return texts
    }

    /// A COPY whose output the masks could not follow.
    private func unmaskable(_ facts: StatementFacts) -> NotUnderstood? {
        guard let copy = facts.copy, copy.direction == .to, copy.endpoint == .client else { return nil }
        guard CopyFormat(isBinary: copy.format == "binary", facts: facts) == nil else { return nil }
        return NotUnderstood(
            message: "COPY with these options cannot be masked; use text, csv or binary with HEADER at most")
    }

    /// Bind: the texts that its statement may stand for, with parameters.
    private mutating func boundAssessment(_ note: inout CommandNote, _ bind: BindMessage) -> Assessment {
        var assessment: Assessment
        // Whether it asks about masked columns hangs on what its names stand for today.
        if !(masks?.hasOracles ?? false), let known = executions.assessment(of: note.meanings) {
            assessment = known
            note.isAssessed = true
        } else {
            assessment = statementAssessment(note, bind)
            assessment.refusal = settingRefusal(note)
            executions.keep(assessment, of: note.meanings)
        }
        if !bind.parameters.isEmpty {
            assessment.content.append(ContentItem(.parameters, RecordParameters.json(bind, note.meanings, masks)))
        }
        return assessment
    }

    /// What holds for every execution of the statement, whatever its parameters.
    private mutating func statementAssessment(_ note: CommandNote, _ bind: BindMessage) -> Assessment {
        let label = bind.statement.isEmpty ? "the unnamed statement" : "the prepared statement \"\(bind.statement)\""
        let analysis = note.meanings.last?.analysis
        let recorded = analysis.map { RecordText.masked($0, masks) }
        var named: [Meaning] = []
        for facts in note.meanings.flatMap(\.facts) { named += follow(facts, note.id, recorded ?? []) }
        let all = note.meanings + named
        losePath(all)
        let text = analysis?.text ?? []
        var assessment = Assessment(subject: subject(all, text: text, missing: "nothing is known of \(label)"))
        describe(all, in: &assessment)
        if assessment.verb.isEmpty { assessment.verb = "BIND" }
        if let recorded { assessment.content.append(ContentItem(.text, recorded)) }
        // Of the one text that runs, not of any that the name may stand for.
        if note.meanings.count == 1 { assessment.breakGlass = Self.breakGlass(analysis) }
        // All that the name may stand for, but for what is the command's own text.
        assessment.prepared = shown(Array(note.meanings.dropLast(recorded == nil ? 0 : 1)) + named)
        return assessment
    }

    /// `/*break_glass='reason'*/`: a tag as sqlcommenter writes them.
    private static func breakGlass(_ analysis: SQLAnalysis?) -> String? {
        analysis?.tags["break_glass"].map { String($0.prefix(512)) }
    }

    /// The names of the columns that come, when an earlier Describe told them and this execution has none.
    private func recordedColumns(_ note: CommandNote, _ bind: BindMessage) -> ContentItem? {
        guard note.meanings.count == 1, var columns = note.meanings[0].columns else { return nil }
        for index in columns.indices { columns[index].format = Self.format(bind.resultFormats, index) ?? 0 }
        var description = ByteBuffer()
        RowDescription(columns: columns).write(into: &description)
        return ContentItem(.columns, Array(description.readableBytesView))
    }

    // MARK: - Facts to subject

    /// - Parameter missing: what is not understood when there is no meaning at all.
    private func subject(_ meanings: [Meaning], text: [UInt8], missing: String?) -> CommandSubject {
        var subject = CommandSubject(classes: [], text: text)
        for meaning in meanings {
            if let reason = meaning.notUnderstood {
                subject.notUnderstood = subject.notUnderstood ?? reason
                subject.classes.insert(.unknown)
            } else if meaning.facts.isEmpty {
                subject.classes.insert(.empty)
            }
            for facts in meaning.facts { subject.add(facts) }
        }
        (subject.oracle, subject.oracleQuestions) = oracles(meanings)
        if builtInsAreHidden { subject.loseBuiltIns() }
        if !pathIsLost, let namesPath { subject.searchPath = namesPath }
        if meanings.isEmpty, let missing {
            subject.notUnderstood = NotUnderstood(message: missing)
            subject.classes.insert(.unknown)
        }
        if let terms {
            subject.principal = terms.context.principal
            subject.agent = terms.context.agent
            subject.connection = terms.context.connection
            subject.database = terms.database
        }
        return subject
    }

    private func describe(_ meanings: [Meaning], in assessment: inout Assessment) {
        assessment.classes = assessment.subject.classes.map(\.rawValue).sorted()
        let facts = meanings.flatMap(\.facts)
        assessment.verb = facts.first?.verb ?? ""
        var objects: [String] = []
        for object in facts.flatMap({ ($0.reads + $0.writes).map(\.description) + $0.objects })
        where !objects.contains(object) {
            objects.append(object)
            if objects.count == 64 { break }
        }
        assessment.objects = objects
    }
}
