import GRDB

extension Row {
    /// A column's value; nil when it holds none of this type. GRDB's own subscripts end the process then, and what lies in
    /// a file is not to be trusted so far.
    func value<Value: DatabaseValueConvertible>(_ column: String, as type: Value.Type = Value.self) -> Value? {
        (self[column] as (any DatabaseValueConvertible)?).flatMap { Value.fromDatabaseValue($0.databaseValue) }
    }

    /// As `value`, of the column at this place, which must be there.
    func value<Value: DatabaseValueConvertible>(_ place: Int, as type: Value.Type = Value.self) -> Value? {
        (self[place] as (any DatabaseValueConvertible)?).flatMap { Value.fromDatabaseValue($0.databaseValue) }
    }

    /// A column that counts something; 0 when it holds no number.
    func count(_ column: String) -> Int { value(column) ?? 0 }

    /// A position or a number that is never negative; 0 when it holds none.
    func position(_ place: Int) -> UInt64 { UInt64(clamping: value(place) ?? Int64(0)) }
}
