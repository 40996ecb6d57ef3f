import DataMasking
import GatewayCore
import SQLAnalysis

/// Ways to read a table that the statement's own names do not show: texts run by functions, and the planner's samples.
enum HiddenReads {
    static func happen(in facts: StatementFacts) -> Bool {
        facts.functions.contains(where: runsText) || facts.reads.contains { samples.contains($0.name) }
    }

    /// Samples of any table's values, and large objects, are values of a column that cannot be told; a temporary table is filled by the
    /// client itself, from any column.
    static func resolved(_ origin: ColumnOrigin) -> ColumnOrigin {
        switch origin {
        case .column(let schema, let table, let column), .derived(let schema, let table, let column):
            let isSample = samples.contains(table) && valueColumns.contains(where: column.hasPrefix)
            return isSample || schema.hasPrefix("pg_temp") ? .unknown : origin
        case .computed, .unknown: return origin
        }
    }

    private static func runsText(_ function: String) -> Bool {
        let name = function.split(separator: ".").last ?? ""
        return prefixes.contains(where: name.hasPrefix)
    }

    /// Functions that read what their arguments say, not what the statement names.
    private static let prefixes = [
        "query_to_xml", "table_to_xml", "schema_to_xml", "database_to_xml", "cursor_to_xml", "dblink", "crosstab",
        "connectby", "xpath_table", "ts_stat", "ts_rewrite", "pg_logical_slot_",
    ]

    static let samples: Set<String> = [
        "pg_stats", "pg_statistic", "pg_stats_ext", "pg_stats_ext_exprs", "pg_statistic_ext_data", "pg_largeobject",
    ]

    private static let valueColumns = [
        "stavalues", "stxdmcv", "stxdexpr", "most_common_", "histogram_bounds", "data",
    ]
}
