import GatewayCore

/// Finds what a statement calls, and what those calls do: functions, operators, casts, sampling methods, row locks.
///
/// One flat pass over the statement's nodes, so that no place of the grammar is missed.
struct EffectReader {
    let tree: ParseTree
    private(set) var classes: Set<StatementClass> = []
    /// Calls whose effect is not known, in words.
    private(set) var unknownCalls: [String] = []
    /// Something stands for a built-in only as long as `pg_catalog` is searched first.
    private(set) var leansOnPath = false

    init(tree: ParseTree) { self.tree = tree }

    /// Statements that only store what they say, for later: nothing in them is called now.
    static func isDefinition(_ kind: String) -> Bool {
        ["ViewStmt", "CreateFunctionStmt", "RuleStmt", "CreateTrigStmt", "CreatePolicyStmt", "AlterPolicyStmt"]
            .contains(kind)
    }

    /// - Parameter attributes: the calls of the same statement that are written like columns.
    mutating func read(_ node: Int, _ attributes: AttributeCalls) {
        for name in attributes.certain { function([name]) }
        for name in attributes.functions where !attributes.certain.contains(name) {
            // Most likely a column: only the server's own functions that do something count.
            if KnownEffects.classes(ofBuiltIn: name) != nil { function([name]) }
        }
        if tree.key(node, is: "CallStmt"), let call = tree.child(node, "funccall") {
            // Whatever it is called: the server has no procedures of its own.
            note(strings(call, "funcname").joined(separator: "."))
        }
        readCalls(node)
        if !unknownCalls.isEmpty { classes.insert(.unknownEffect) }
    }

    /// What is called anywhere in the node.
    mutating func readCalls(_ node: Int) {
        for index in node..<tree.end(node) {
            if tree.hasTypeKey(index) {
                typed(index)
            } else if tree.key(index, is: "lockingClause") {
                classes.insert(.lock)
            } else if tree.key(index, is: "coldeflist") {
                for column in tree.items(index) { type(tree.child(column, "typeName")) }
            } else if tree.key(index, is: "argtypes") {
                for item in tree.items(index) { type(item) }
            }
        }
    }

    private mutating func typed(_ node: Int) {
        if tree.key(node, is: "FuncCall") {
            function(strings(node, "funcname"))
        } else if tree.key(node, is: "A_Expr") {
            operation(strings(node, "name"))
        } else if tree.key(node, is: "SubLink") {
            operation(strings(node, "operName"))
        } else if tree.key(node, is: "SortBy") {
            operation(strings(node, "useOp"))
        } else if tree.key(node, is: "TypeCast") || tree.key(node, is: "XmlSerialize")
            || tree.key(node, is: "RangeTableFuncCol")
        {
            type(tree.child(node, "typeName"))
        } else if tree.key(node, is: "RangeTableSample") {
            let method = strings(node, "method")
            if !method.isEmpty, method.count > 1 || !BuiltInNames.isSamplingMethod(method[0]) {
                note("sampling method " + method.joined(separator: "."))
            }
        }
    }

    private mutating func function(_ parts: [String]) {
        guard let name = parts.last else { return }
        let schema = parts.count > 1 ? parts[parts.count - 2] : nil
        if schema == nil || schema == "pg_catalog", parts.count < 3 {
            if schema == nil { leansOnPath = true }
            if HarmlessFunctions.contains(name) { return }
            if let known = KnownEffects.classes(ofBuiltIn: name) {
                classes.formUnion(known)
                if known.contains(.unknownEffect) { note(name) }
                return
            }
        } else if schema == "information_schema", parts.count == 2,
            HarmlessFunctions.containsInformationSchema(name)
        {
            return
        }
        classes.formUnion(KnownEffects.classes(ofFamily: name))
        note(parts.joined(separator: "."))
    }

    private mutating func operation(_ parts: [String]) {
        guard let name = parts.last else { return }
        if parts.count == 1 || parts.count == 2 && parts[0] == "pg_catalog" {
            if parts.count == 1 { leansOnPath = true }
            if BuiltInNames.isOperator(name) { return }
        }
        note("operator " + parts.joined(separator: "."))
    }

    private mutating func type(_ node: Int?) {
        guard let node else { return }
        let parts = strings(node, "names")
        guard let name = parts.last else { return }
        if parts.count == 1 || parts.count == 2 && parts[0] == "pg_catalog" {
            if parts.count == 1 { leansOnPath = true }
            if BuiltInNames.isType(name), !tree.bool(node, "pct_type") { return }
        } else if parts.count == 2, parts[0] == "information_schema", BuiltInNames.isInformationSchemaType(name) {
            return
        }
        note("type " + parts.joined(separator: "."))
    }

    private mutating func note(_ call: String) {
        if unknownCalls.count < 64, !unknownCalls.contains(call) { unknownCalls.append(call) }
    }

    private func strings(_ node: Int, _ name: StaticString) -> [String] {
        tree.child(node, name).map(tree.strings) ?? []
    }
}
