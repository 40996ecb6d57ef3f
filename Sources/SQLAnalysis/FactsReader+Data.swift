import GatewayCore

/// SELECT and the statements that write rows.
extension FactsReader {
    /// Where the values of an INSERT's source go, by position.
    struct InsertTarget {
        var relation: RelationName?
        /// Nil: the statement names none.
        var columns: [String]?
    }

    mutating func withScope(_ node: Int, _ body: (inout FactsReader) -> Void) {
        guard let clause = tree.child(node, "withClause") else { return body(&self) }
        let expressions = tree.items(clause, "ctes")
        let isRecursive = tree.bool(clause, "recursive")
        scopes.append(isRecursive ? Set(expressions.compactMap { tree.string($0, "ctename") }) : [])
        let outerRole = role
        selectDepth += 1
        for expression in expressions {
            let start = trail.mark
            if let query = tree.child(expression, "ctequery").flatMap(tree.unwrapped) {
                nested(query)
            }
            if let names = tree.child(expression, "aliascolnames") {
                for name in tree.strings(names) { trail.alias(name, from: start) }
            }
            // Without RECURSIVE a name is in sight only behind its own definition.
            if let name = tree.string(expression, "ctename") { scopes[scopes.count - 1].insert(name) }
        }
        selectDepth -= 1
        role = outerRole
        body(&self)
        scopes.removeLast()
    }

    mutating func select(_ node: Int, insert: InsertTarget?) {
        withScope(node) { reader in reader.selectBody(node, insert: insert) }
    }

    private mutating func selectBody(_ node: Int, insert: InsertTarget?) {
        role = .read
        if let into = tree.child(node, "intoClause") {
            facts.classes.insert(.ddl)
            if facts.verb == "SELECT" {
                facts.verb = "SELECT INTO"
                facts.statementClass = .ddl
            }
            role = .write
            walk(tree.child(into, "rel"))
            role = .read
        }
        selectDepth += 1
        defer { selectDepth -= 1 }
        let outerSetting = chosenSetting
        chosenSetting = settingChosen(by: node)
        defer { chosenSetting = outerSetting }
        var current = tree.first(node)
        while let part = current {
            current = tree.next(part, of: node)
            if tree.key(part, is: "withClause") || tree.key(part, is: "intoClause")
                || tree.key(part, is: "lockingClause")
            {
                continue
            }
            if tree.key(part, is: "targetList") {
                outputs(part, insert: insert)
            } else if tree.key(part, is: "valuesLists") {
                for list in tree.items(part) { outputs(tree.child(list, "items"), insert: insert) }
            } else if tree.key(part, is: "larg") || tree.key(part, is: "rarg") {
                select(part, insert: insert)
            } else {
                walk(part)
            }
        }
    }

    /// A row that a SELECT or VALUES gives: into the columns of an INSERT, or on to an outer query.
    private mutating func outputs(_ list: Int?, insert: InsertTarget?) {
        guard let list else { return }
        let whole = trail.mark
        var position = 0
        var isShifted = false
        var current = tree.first(list)
        while let item = current {
            let start = trail.mark
            let stars = facts.hasStar
            facts.hasStar = false
            walk(item)
            isShifted = isShifted || facts.hasStar
            facts.hasStar = facts.hasStar || stars
            if let insert {
                let range = start.literals..<trail.mark.literals
                if let columns = insert.columns, !isShifted, position < columns.count {
                    trail.relate(literals: range, to: columns[position], of: insert.relation)
                } else {
                    for literal in trail.literals[range] {
                        trail.uses[literal].unknownColumn = true
                        trail.uses[literal].relation = insert.relation
                    }
                }
            }
            position += 1
            current = tree.next(item, of: list)
        }
        if insert == nil, selectDepth > 1 { trail.leaveUnknown(whole.literals..<trail.mark.literals) }
    }

    mutating func insert(_ node: Int) {
        withScope(node) { reader in
            let relation = reader.changed(node)
            let names = reader.tree.items(node, "cols").compactMap { reader.tree.string($0, "name") }
            reader.facts.writtenColumns += names
            if names.isEmpty { reader.facts.writesAnyColumn = true }
            let start = reader.trail.mark
            if let source = reader.tree.child(node, "selectStmt").flatMap(reader.tree.unwrapped) {
                if reader.tree.child(source, "valuesLists") == nil { reader.facts.classes.insert(.select) }
                reader.selectDepth += 1
                reader.select(source, insert: InsertTarget(relation: relation, columns: names.isEmpty ? nil : names))
                reader.selectDepth -= 1
            }
            reader.trail.leaveUnknown(start.literals..<reader.trail.mark.literals, of: relation)
            reader.role = .read
            if let conflict = reader.tree.child(node, "onConflictClause") {
                if reader.tree.string(conflict, "action") == "ONCONFLICT_UPDATE" {
                    reader.facts.classes.insert(.update)
                }
                reader.assignments(conflict, "targetList", of: relation)
                reader.walk(reader.tree.child(conflict, "whereClause"))
                reader.walk(reader.tree.child(conflict, "infer"))
            }
            reader.walk(reader.tree.child(node, "returningList"))
        }
    }

    mutating func update(_ node: Int) {
        withScope(node) { reader in
            let relation = reader.changed(node)
            if relation?.name == "pg_settings", relation?.schema.isEmpty == true || relation?.schema == "pg_catalog" {
                reader.facts.settings.append(SettingChange(name: nil, value: nil, kind: .set))
            }
            reader.condition(node)
            let start = reader.trail.mark
            reader.walk(reader.tree.child(node, "fromClause"))
            reader.trail.leaveUnknown(start.literals..<reader.trail.mark.literals)
            reader.assignments(node, "targetList", of: relation)
            reader.walk(reader.tree.child(node, "returningList"))
        }
    }

    mutating func delete(_ node: Int) {
        withScope(node) { reader in
            _ = reader.changed(node)
            reader.walk(reader.tree.child(node, "usingClause"))
            reader.condition(node)
            reader.walk(reader.tree.child(node, "returningList"))
        }
    }

    mutating func merge(_ node: Int) {
        withScope(node) { reader in
            let relation = reader.changed(node)
            reader.selectDepth += 1
            let start = reader.trail.mark
            reader.walk(reader.tree.child(node, "sourceRelation"))
            reader.trail.leaveUnknown(start.literals..<reader.trail.mark.literals)
            reader.selectDepth -= 1
            let join = reader.tree.child(node, "joinCondition")
            reader.walk(join)
            if !(join.flatMap(reader.tree.unwrapped).map { Restriction(tree: reader.tree).holdsBack($0) } ?? false) {
                reader.facts.hasWriteWithoutWhere = true
            }
            for clause in reader.tree.items(node, "mergeWhenClauses") { reader.mergeClause(clause, of: relation) }
        }
    }

    private mutating func mergeClause(_ node: Int, of relation: RelationName?) {
        switch tree.string(node, "commandType") {
        case "CMD_INSERT": facts.classes.insert(.insert)
        case "CMD_UPDATE": facts.classes.insert(.update)
        case "CMD_DELETE": facts.classes.insert(.delete)
        default: break
        }
        walk(tree.child(node, "condition"))
        guard let values = tree.child(node, "values") else { return assignments(node, "targetList", of: relation) }
        let names = tree.items(node, "targetList").compactMap { tree.string($0, "name") }
        facts.writtenColumns += names
        if names.isEmpty { facts.writesAnyColumn = true }
        outputs(values, insert: InsertTarget(relation: relation, columns: names.isEmpty ? nil : names))
    }

    /// Notes the relation that a statement changes.
    private mutating func changed(_ node: Int) -> RelationName? {
        guard let relation = tree.child(node, "relation"), let name = relationName(relation) else { return nil }
        facts.writes.append(name)
        return name
    }

    /// `SET column = value`, also `SET (a, b) = (…)`.
    private mutating func assignments(_ node: Int, _ list: StaticString, of relation: RelationName?) {
        for target in tree.items(node, list) {
            let start = trail.mark
            walk(tree.child(target, "val"))
            walk(tree.child(target, "indirection"))
            guard let name = tree.string(target, "name") else { continue }
            facts.writtenColumns.append(name)
            trail.relate(literals: start.literals..<trail.mark.literals, to: name, of: relation)
        }
    }

    /// A condition that holds for every row, such as `1 = 1`, is none.
    private mutating func condition(_ node: Int) {
        guard let clause = tree.child(node, "whereClause") else {
            facts.hasWriteWithoutWhere = true
            return
        }
        if let condition = tree.unwrapped(clause), !Restriction(tree: tree).holdsBack(condition) {
            facts.hasWriteWithoutWhere = true
        }
        walk(clause)
    }

    mutating func function(_ node: Int) {
        let start = trail.mark
        if let list = tree.child(node, "funcname") {
            var parts = tree.strings(list)
            // The grammar itself puts pg_catalog before EXTRACT and the like; the bare name means the same.
            if parts.count > 1, parts[0] == "pg_catalog" { parts.removeFirst() }
            if !parts.isEmpty { facts.functions.append(parts.joined(separator: ".")) }
            if parts.last == "set_config" {
                facts.classes.insert(.setting)
                setConfig(node)
            }
        }
        walkChildren(node)
        trail.relate(from: start)
    }

    private mutating func setConfig(_ node: Int) {
        let arguments = tree.items(node, "args").map { value(of: $0) }
        guard arguments.count == 3, let name = arguments[0] ?? settingOfRow(node) else {
            facts.settings.append(SettingChange(name: nil, value: nil, kind: .set))
            return
        }
        let isLocal = arguments[2].map { ["true", "t", "on", "1", "yes"].contains($0.lowercased()) } ?? false
        facts.settings.append(
            SettingChange(name: name.lowercased(), value: arguments[1], kind: isLocal ? .local : .set))
    }

    /// `set_config(name, …) FROM pg_settings WHERE name = 'x'`, as pg_dump writes it, can change `x` only.
    private func settingOfRow(_ call: Int) -> String? {
        guard let first = tree.items(call, "args").first, tree.key(first, is: "ColumnRef"),
            let fields = tree.child(first, "fields"), tree.strings(fields) == ["name"]
        else { return nil }
        return chosenSetting
    }

    /// The one setting that a SELECT over nothing but `pg_settings` is restricted to.
    private func settingChosen(by select: Int) -> String? {
        let tables = tree.items(select, "fromClause")
        guard tables.count == 1, tree.key(tables[0], is: "RangeVar"),
            tree.string(tables[0], "relname") == "pg_settings",
            ["", "pg_catalog"].contains(tree.string(tables[0], "schemaname") ?? ""),
            let condition = tree.child(select, "whereClause").flatMap(tree.unwrapped),
            tree.key(condition, is: "A_Expr"),
            tree.string(condition, "kind") == "AEXPR_OP", let names = tree.child(condition, "name"),
            tree.strings(names) == ["="],
            let left = tree.child(condition, "lexpr").flatMap(tree.unwrapped), tree.key(left, is: "ColumnRef"),
            let fields = tree.child(left, "fields"), tree.strings(fields) == ["name"],
            let right = tree.child(condition, "rexpr").flatMap(tree.unwrapped)
        else { return nil }
        return value(of: right)
    }
}
