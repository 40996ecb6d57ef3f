import GatewayCore

/// Statements that work on the session, on settings and on objects.
extension FactsReader {
    // MARK: Statements that carry others

    mutating func explain(_ node: Int) {
        guard let query = tree.child(node, "query").flatMap(tree.unwrapped) else { return }
        guard analyses(node) else {
            // Only planned: what it would change is only looked at.
            let before = facts
            nested(query)
            facts.reads += facts.writes
            facts.writes = before.writes
            facts.classes = before.classes
            facts.verb = before.verb
            facts.statementClass = before.statementClass
            facts.hasWriteWithoutWhere = before.hasWriteWithoutWhere
            return
        }
        nested(query)
        facts.verb = "EXPLAIN ANALYZE"
        facts.statementClass = StatementKinds.of(String(tree.key(query))).statementClass
    }

    /// ANALYZE holds unless it is surely switched off; the last mention counts, so any mention that may be on is taken as on.
    private func analyses(_ node: Int) -> Bool {
        tree.items(node, "options").contains { option in
            guard tree.string(option, "defname") == "analyze" else { return false }
            guard let argument = tree.child(option, "arg").flatMap(tree.unwrapped) else { return true }
            let word = tree.string(argument, "sval")?.lowercased() ?? value(of: argument)?.lowercased()
            if tree.key(argument, is: "Integer") { return tree.integer(argument, "ival") != 0 }
            return !["false", "off", "0", "f", "no", "n"].contains(word ?? "")
        }
    }

    mutating func carrier(_ kind: String, _ node: Int, tokens: ArraySlice<SQLToken>) {
        guard let query = tree.child(node, "query").flatMap(tree.unwrapped) else { return }
        let carried = tokens.drop { token in
            !token.isWord(kind == "PrepareStmt" ? "AS" : "FOR", in: text)
        }.dropFirst()
        let inner = statement(query, tokens: carried, range: facts.range)
        facts.merge(inner)
        facts.inner = [inner]
        if kind == "PrepareStmt" {
            walk(tree.child(node, "argtypes"))
            facts.name = .prepares(tree.string(node, "name") ?? "")
        } else {
            facts.name = .declaresCursor(tree.string(node, "portalname") ?? "")
        }
    }

    mutating func copy(_ node: Int, tokens: ArraySlice<SQLToken>) {
        let isFrom = tree.bool(node, "is_from")
        let columns = tree.child(node, "attlist").map(tree.strings) ?? []
        var target = CopyTarget(
            direction: isFrom ? .from : .to, endpoint: .client, relation: nil, columns: columns, query: nil,
            format: "text")
        if let file = tree.string(node, "filename") {
            facts.classes.insert(.file)
            target.endpoint = tree.bool(node, "is_program") ? .program(file) : .file(file)
        }
        if let relation = tree.child(node, "relation") {
            role = isFrom ? .write : .read
            walk(relation)
            target.relation = relationName(relation)
            if isFrom {
                facts.classes.insert(.insert)
                facts.writtenColumns += columns
                if columns.isEmpty { facts.hasStar = true }
            } else {
                facts.columns += columns
                if columns.isEmpty { facts.hasStar = true }
            }
        }
        if let query = tree.child(node, "query").flatMap(tree.unwrapped) {
            nested(query)
            target.query = parenthesised(tokens)
        }
        copyOptions(node, &target)
        role = .read
        walk(tree.child(node, "whereClause"))
        facts.copy = target
    }

    private func copyOptions(_ node: Int, _ target: inout CopyTarget) {
        var hasFormat = false
        for option in tree.items(node, "options") {
            let name = tree.string(option, "defname") ?? ""
            var value = CopyOption.Value.none
            if let wrapper = tree.child(option, "arg") {
                value = tree.unwrapped(wrapper).flatMap(word).map { .word($0) } ?? .other
            }
            if name == "format", !hasFormat, case .word(let format) = value {
                hasFormat = true
                target.format = format.lowercased()
            } else {
                target.options.append(CopyOption(name: name, value: value))
            }
        }
    }

    /// The plain value of an option; nil for lists and the like.
    private func word(_ argument: Int) -> String? {
        if tree.key(argument, is: "String") { return tree.string(argument, "sval") ?? "" }
        if tree.key(argument, is: "Integer") { return String(tree.integer(argument, "ival")) }
        if tree.key(argument, is: "Float") { return tree.string(argument, "fval") }
        if tree.key(argument, is: "Boolean") { return tree.bool(argument, "boolval") ? "true" : "false" }
        return nil
    }

    /// Bytes between the first parenthesis and the one that closes it.
    private func parenthesised(_ tokens: ArraySlice<SQLToken>) -> Range<Int>? {
        var depth = 0
        var start = 0
        for token in tokens {
            if token.isSymbol(0x28, in: text) {
                if depth == 0 { start = token.range.upperBound }
                depth += 1
            } else if token.isSymbol(0x29, in: text) {
                depth -= 1
                if depth == 0 { return start..<token.range.lowerBound }
            }
        }
        return nil
    }

    mutating func call(_ node: Int) {
        let start = trail.mark
        if let called = tree.child(node, "funccall") { function(called) }
        trail.leaveUnknown(start.literals..<trail.mark.literals)
    }

    /// The body is a program in another language: what its literals are cannot be told.
    mutating func block(_ node: Int) {
        facts.doLanguage = "plpgsql"
        for option in tree.items(node, "args") {
            guard let argument = tree.child(option, "arg").flatMap(tree.unwrapped) else { continue }
            if tree.string(option, "defname") == "language" { facts.doLanguage = tree.string(argument, "sval") }
        }
    }

    // MARK: Names, settings, transactions

    mutating func names(_ kind: String, _ node: Int) {
        let start = trail.mark
        walkChildren(node)
        let name = tree.string(node, kind == "FetchStmt" || kind == "ClosePortalStmt" ? "portalname" : "name")
        switch kind {
        case "ExecuteStmt":
            facts.name = .executes(name ?? "")
            trail.leaveUnknown(start.literals..<trail.mark.literals)
        case "DeallocateStmt": facts.name = name.map { .deallocates($0) } ?? .deallocatesAll
        case "FetchStmt":
            facts.name = .fetches(name ?? "")
            if tree.bool(node, "ismove") { facts.verb = "MOVE" }
        case "ClosePortalStmt": facts.name = name.map { .closesCursor($0) } ?? .closesAllCursors
        default:
            let isAll = tree.string(node, "target") == "DISCARD_ALL"
            if isAll { facts.verb = "DISCARD ALL" }
            facts.name = isAll ? .discardsAll : .discardsOther
            if isAll { facts.settings.append(SettingChange(name: nil, value: nil, kind: .resetAll)) }
        }
    }

    mutating func setting(_ node: Int, stored: Bool) {
        let start = trail.mark
        walk(tree.child(node, "args"))
        let name = tree.string(node, "name")?.lowercased()
        if let name { trail.relate(literals: start.literals..<trail.mark.literals, to: name) }
        let isLocal = tree.bool(node, "is_local")
        if tree.string(node, "kind") == "VAR_SET_MULTI" {
            facts.verb = "SET TRANSACTION"
            let prefix = name == "session characteristics" ? "default_" : ""
            return modes(node, "args", prefix: prefix, kind: prefix.isEmpty ? .local : .set)
        }
        let kind: SettingChange.Kind
        var values: String?
        switch tree.string(node, "kind") {
        case "VAR_RESET":
            kind = .reset
            if !stored { facts.verb = "RESET" }
        case "VAR_RESET_ALL":
            kind = .resetAll
            if !stored { facts.verb = "RESET" }
        case "VAR_SET_DEFAULT":
            kind = isLocal ? .local : .reset
        default:
            kind = isLocal ? .local : .set
            let parts = tree.items(node, "args").map { value(of: $0) }
            if !parts.isEmpty, !parts.contains(nil) { values = parts.compactMap { $0 }.joined(separator: ", ") }
        }
        facts.settings.append(SettingChange(name: name, value: values, kind: stored ? .stored : kind))
        guard !stored else { return }
        switch name {
        case "role": facts.verb += " ROLE"
        case "session_authorization": facts.verb += " SESSION AUTHORIZATION"
        case nil: facts.verb += " ALL"
        default: break
        }
    }

    /// Modes of a transaction, in BEGIN and SET TRANSACTION, as the settings that they are.
    private mutating func modes(_ node: Int, _ list: StaticString, prefix: String, kind: SettingChange.Kind) {
        for mode in tree.items(node, list) {
            guard let name = tree.string(mode, "defname") else { continue }
            let argument = tree.child(mode, "arg").flatMap(tree.unwrapped)
            let word = argument.flatMap { self.value(of: $0) }
            let isSwitch = name == "transaction_read_only" || name == "transaction_deferrable"
            facts.settings.append(
                SettingChange(
                    name: prefix + name, value: isSwitch ? word.map { $0 == "0" ? "off" : "on" } : word, kind: kind))
        }
    }

    mutating func storedSetting(_ kind: String, _ node: Int) {
        facts.classes.insert(.setting)
        if kind == "AlterDatabaseSetStmt" {
            facts.classes.insert(.ddl)
            if let name = tree.string(node, "dbname") { facts.objects.append(name) }
        }
        if kind == "AlterRoleSetStmt", let role = tree.child(node, "role"), let name = tree.string(role, "rolename") {
            facts.objects.append(name)
        }
        if let change = tree.child(node, "setstmt") { setting(change, stored: true) }
    }

    mutating func transaction(_ kind: String, _ node: Int) {
        guard kind == "TransactionStmt" else {
            facts.transaction = .constraints
            return
        }
        let (control, verb): (TransactionControl, String)
        switch tree.string(node, "kind") {
        case "TRANS_STMT_BEGIN", "TRANS_STMT_START": (control, verb) = (.begin, "BEGIN")
        case "TRANS_STMT_COMMIT": (control, verb) = (.commit, "COMMIT")
        case "TRANS_STMT_SAVEPOINT": (control, verb) = (.savepoint, "SAVEPOINT")
        case "TRANS_STMT_RELEASE": (control, verb) = (.release, "RELEASE")
        case "TRANS_STMT_ROLLBACK_TO": (control, verb) = (.rollbackTo, "ROLLBACK TO")
        case "TRANS_STMT_PREPARE": (control, verb) = (.prepare, "PREPARE TRANSACTION")
        case "TRANS_STMT_COMMIT_PREPARED": (control, verb) = (.commitPrepared, "COMMIT PREPARED")
        case "TRANS_STMT_ROLLBACK_PREPARED": (control, verb) = (.rollbackPrepared, "ROLLBACK PREPARED")
        default: (control, verb) = (.rollback, "ROLLBACK")
        }
        facts.transaction = control
        facts.verb = verb
        modes(node, "options", prefix: "", kind: .local)
    }

    // MARK: Objects

    /// What DROP, COMMENT, ALTER … OWNER and the like name without a RangeVar.
    mutating func objects(_ node: Int) {
        let type =
            tree.string(node, "removeType") ?? tree.string(node, "objtype") ?? tree.string(node, "objectType")
            ?? tree.string(node, "renameType") ?? ""
        schemas(node, type)
        var found = tree.string(node, "targtype") == "ACL_TARGET_ALL_IN_SCHEMA" ? [] : tree.items(node, "objects")
        if let one = tree.child(node, "object").flatMap(tree.unwrapped) { found.append(one) }
        for object in found {
            var parts = nameParts(object)
            switch type {
            case "OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE", "OBJECT_COLUMN", "OBJECT_TABCONSTRAINT":
                if let last = parts.popLast() { facts.objects.append(last) }
                add(relation: parts)
            case "OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE", "OBJECT_INDEX",
                "OBJECT_SEQUENCE":
                add(relation: parts)
            default:
                if !parts.isEmpty { facts.objects.append(parts.joined(separator: ".")) }
            }
        }
        for key in [
            "schemaname", "dbname", "extname", "servername", "fdwname", "pubname", "subname", "tablespacename", "role",
        ] as [StaticString] {
            if let name = tree.string(node, key) { facts.objects.append(name) }
        }
        for role in tree.items(node, "roles") + tree.items(node, "grantees") + tree.items(node, "grantee_roles") {
            if let name = tree.string(role, "rolename") { facts.objects.append(name) }
        }
        if let role = tree.child(node, "role"), let name = tree.string(role, "rolename") { facts.objects.append(name) }
        if let names = tree.child(node, "funcname") {
            facts.objects.append(tree.strings(names).joined(separator: "."))
        }
    }

    /// Schemas that are named as such, or before functions, types and operators.
    private mutating func schemas(_ node: Int, _ type: String) {
        let isAll = tree.string(node, "targtype") == "ACL_TARGET_ALL_IN_SCHEMA"
        var objects = tree.items(node, "objects")
        if let one = tree.child(node, "object").flatMap(tree.unwrapped) { objects.append(one) }
        for object in objects {
            var parts = nameParts(object)
            if isAll || type == "OBJECT_SCHEMA" {
                facts.schemas += parts.suffix(1)
                if isAll { facts.objects += parts.suffix(1) }
            } else if parts.popLast() != nil {
                facts.schemas += parts.suffix(1)
            }
        }
        if type == "OBJECT_SCHEMA" {
            facts.schemas += [tree.string(node, "subname"), tree.string(node, "newname")].compactMap { $0 }
        }
        for key in ["schemaname", "newschema", "local_schema"] as [StaticString] {
            if let name = tree.string(node, key) { facts.schemas.append(name) }
        }
        for key in ["funcname", "typeName", "domainname", "defnames", "opfamilyname"] as [StaticString] {
            if let names = tree.child(node, key) { facts.schemas += tree.strings(names).dropLast().suffix(1) }
        }
        for option in tree.items(node, "options") where tree.string(option, "defname") == "schemas" {
            for name in tree.child(option, "arg").flatMap(tree.unwrapped).map({ tree.items($0, "items") }) ?? [] {
                if let name = tree.string(name, "sval") { facts.schemas.append(name) }
            }
        }
        if tree.string(node, "kind") == "REINDEX_OBJECT_SCHEMA", let name = tree.string(node, "name") {
            facts.schemas.append(name)
        }
    }

    private mutating func add(relation parts: [String]) {
        guard let name = parts.last else { return }
        facts.writes.append(RelationName(schema: parts.count > 1 ? parts[parts.count - 2] : "", name: name))
    }

    private func nameParts(_ object: Int) -> [String] {
        if let one = tree.string(object, "sval") { return [one] }
        for key in ["items", "names", "objname"] as [StaticString] {
            if let list = tree.child(object, key) { return tree.strings(list) }
        }
        return []
    }

    /// The text of a constant, through casts; nil when it is none.
    func value(of node: Int) -> String? {
        var node = node
        while tree.key(node, is: "TypeCast") {
            guard let inner = tree.child(node, "arg").flatMap(tree.unwrapped) else { return nil }
            node = inner
        }
        guard tree.key(node, is: "A_Const") else { return nil }
        if let inner = tree.child(node, "sval") { return tree.string(inner, "sval") ?? "" }
        if let inner = tree.child(node, "ival") { return String(tree.integer(inner, "ival")) }
        if let inner = tree.child(node, "fval") { return tree.string(inner, "fval") }
        if let inner = tree.child(node, "boolval") { return tree.bool(inner, "boolval") ? "true" : "false" }
        return nil
    }
}

extension StatementFacts {
    /// Takes in what a carried statement does.
    mutating func merge(_ inner: StatementFacts) {
        classes.formUnion(inner.classes)
        reads += inner.reads
        writes += inner.writes
        objects += inner.objects
        functions += inner.functions
        unknownCalls += inner.unknownCalls.filter { !unknownCalls.contains($0) }
        leansOnPath = leansOnPath || inner.leansOnPath
        columns += inner.columns
        writtenColumns += inner.writtenColumns
        settings += inner.settings
        hasStar = hasStar || inner.hasStar
        joinsNaturally = joinsNaturally || inner.joinsNaturally
        writesAnyColumn = writesAnyColumn || inner.writesAnyColumn
        schemas += inner.schemas
        hasWriteWithoutWhere = hasWriteWithoutWhere || inner.hasWriteWithoutWhere
        copy = copy ?? inner.copy
    }
}
