/// The functions that the protocol's FunctionCall is used for: large objects (libpq's lo_*, JDBC's LargeObject API). Their
/// OIDs are fixed in pg_proc.dat.
enum LargeObjectFunctions {
    static func name(of function: UInt32) -> String? { names[function] }

    private static let names: [UInt32: String] = [
        715: "lo_create", 952: "lo_open", 953: "lo_close", 954: "loread", 955: "lowrite", 956: "lo_lseek",
        957: "lo_creat", 958: "lo_tell", 964: "lo_unlink", 1004: "lo_truncate", 3170: "lo_lseek64",
        3171: "lo_tell64", 3172: "lo_truncate64",
    ]
}
