/// Operators and types of PostgreSQL itself. An operator is a call of the function behind it; a cast calls the type's
/// input function or a function of CREATE CAST. All functions behind these compute a value and no more.
enum BuiltInNames {
    static func isOperator(_ name: String) -> Bool { operators.contains(name) }
    static func isType(_ name: String) -> Bool { types.contains(name) }

    /// Domains that `information_schema` gives its columns.
    static func isInformationSchemaType(_ name: String) -> Bool {
        ["cardinal_number", "character_data", "sql_identifier", "time_stamp", "yes_or_no"].contains(name)
    }

    static func isSamplingMethod(_ name: String) -> Bool { name == "bernoulli" || name == "system" }

    // pg_operator of PostgreSQL 15 to 18, and the words by which the grammar calls BETWEEN.
    private static let operators: Set<String> = Set(
        #"""
        !! !~ !~* !~~ !~~* ## # #- #> #>> % && & &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> << <<= <<| <=
        <> <@ <^ = > >= >> >>= >^ ?# ?& ? ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ |&> | |/ |>> || ||/ ~ ~* ~<=~ ~<~ ~=
        ~>=~ ~>~ ~~ ~~* !=
        """#.split { $0 == " " || $0 == "\n" }.map(String.init)
            + ["BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN SYMMETRIC"])

    // pg_type without the row types of tables, which are users' as often as not.
    private static let types: Set<String> = Set(
        """
        aclitem any anyarray anyelement anyenum anynonarray anyrange bit bool box bpchar bytea char cid cidr circle cstring
        date datemultirange daterange float4 float8 gtsvector inet int2 int2vector int4 int4multirange int4range int8
        int8multirange int8range interval json jsonb jsonpath line lseg macaddr macaddr8 money name numeric
        nummultirange numrange oid oidvector path pg_lsn pg_snapshot point polygon record refcursor regclass
        regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype
        text tid time timestamp timestamptz timetz tsmultirange tsquery tsrange tstzmultirange tstzrange tsvector
        txid_snapshot unknown uuid varbit varchar void xid xid8 xml
        _aclitem _bool _bpchar _bytea _char _date _float4 _float8 _inet _int2 _int4 _int8 _interval _json _jsonb _name
        _numeric _oid _regclass _regtype _text _time _timestamp _timestamptz _timetz _uuid _varchar _xid
        """.split { $0 == " " || $0 == "\n" }.map(String.init))
}
