// swift-tools-version: 6.2
import PackageDescription

let habits: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

func floor(_ name: String, on dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: habits)
}

func tests(of name: String, with dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.target(name: name)] + dependencies, swiftSettings: habits)
}

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let jwtKit = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

var targets: [Target] = [
    // C libraries, found by their Debian packages.
    .systemLibrary(name: "CPgQuery", providers: [.apt(["libpg-query-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "CLibcrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CBrotli", pkgConfig: "libbrotlidec", providers: [.apt(["libbrotli-dev"])]),
    .systemLibrary(name: "CHyperscan", pkgConfig: "libhs", providers: [.apt(["libhyperscan-dev"])]),

    // Pure floors: no sockets, clock or tasks.
    floor("GatewayCore", on: []),
    floor("SQLAnalysis", on: ["GatewayCore", "CPgQuery"]),
    floor("PatternEngine", on: ["GatewayCore", "CHyperscan"]),
    floor("AccessPolicy", on: ["GatewayCore", "SQLAnalysis", "PatternEngine", "CHyperscan", crypto]),
    floor("DataMasking", on: ["GatewayCore", "PatternEngine", "CHyperscan", crypto]),
    floor("AuditLedger", on: ["GatewayCore", crypto]),
    floor(
        "SessionKernel",
        on: ["GatewayCore", "SQLAnalysis", "AccessPolicy", "DataMasking", "AuditLedger", nioCore, deque]),
    floor(
        "PostgresDialect", on: ["SessionKernel", "GatewayCore", "SQLAnalysis", "DataMasking", nioCore, crypto, deque]),
    floor("HTTPContent", on: ["CZlib", "CBrotli", nioCore]),
    floor(
        "HTTPDialect",
        on: [
            "SessionKernel", "HTTPContent", "GatewayCore", "SQLAnalysis", "AccessPolicy", "DataMasking", "AuditLedger",
            nioCore, crypto, deque,
        ]),

    // Storage, identity, secrets.
    floor("AuditStore", on: ["AuditLedger", "GatewayCore", "CXXHash", "CZstd", "CLibcrypto", grdb, crypto]),
    floor("Identity", on: ["GatewayCore", jwtKit, asyncHTTPClient, crypto, nioCore, nioHTTP1, nioSSL]),
    floor("CredentialVault", on: ["GatewayCore", crypto, nioSSL]),
    floor(
        "GatewayConfiguration",
        on: ["GatewayCore", "AccessPolicy", "AuditLedger", "DataMasking", "CredentialVault", "Identity", yams]),

    // The thin shell with the sockets.
    floor(
        "GatewayServer",
        on: [
            "SessionKernel", "PostgresDialect", "HTTPDialect", "AuditStore", "AuditLedger", "Identity",
            "CredentialVault",
            "GatewayConfiguration", "AccessPolicy", "DataMasking", "SQLAnalysis", "GatewayCore",
            nioCore, nioPosix, nioSSL, x509, asn1, crypto, logging, lifecycle, deque,
            asyncHTTPClient, nioHTTP1, nioHTTP2, nioHPACK,
        ]),
    floor(
        "AuditConsole",
        on: [
            "AuditStore", "AccessPolicy", "Identity", "GatewayConfiguration", "GatewayCore", "AuditLedger",
            "HTTPLimits",
            hummingbird, hummingbirdTLS, nioCore, nioSSL, logging,
        ]),
    // What one client may take of an HTTP server, for console and witness.
    floor("HTTPLimits", on: [hummingbird, nioCore]),
    // A program of its own beside the gateway: it shares the ledger's formats with it and nothing else.
    floor(
        "LedgerWitness",
        on: [
            "AuditStore", "AuditLedger", "GatewayCore", "HTTPLimits", hummingbird, hummingbirdTLS, nioCore, nioPosix,
            nioSSL, crypto,
            logging,
        ]),
    .executableTarget(
        name: "sallyport",
        dependencies: [
            "GatewayServer", "AuditConsole", "LedgerWitness", "AuditStore", "AuditLedger", "Identity",
            "CredentialVault",
            "GatewayConfiguration", "AccessPolicy", "DataMasking", "GatewayCore", "PostgresDialect", "HTTPDialect",
            "SessionKernel", "SQLAnalysis", argumentParser, logging,
            lifecycle, asyncHTTPClient,
            nioCore, nioHTTP1,
        ],
        swiftSettings: habits),

    // Bench only: the floor that the gateway is measured against.
    .executableTarget(
        name: "bare-relay", dependencies: [nioCore, nioPosix], path: "Benchmarks/BareRelay", swiftSettings: habits),
    // Bench only: the record without protocols and sockets.
    .executableTarget(
        name: "ledger-bench", dependencies: ["AuditStore", "AuditLedger", "GatewayCore", crypto],
        path: "Benchmarks/LedgerBench", swiftSettings: habits),

    // Bench only: detectors beside the pattern engine alone.
    .executableTarget(
        name: "masking-bench", dependencies: ["DataMasking", "MaskingSamples", "CHyperscan"],
        path: "Benchmarks/MaskingBench", swiftSettings: habits),
    // Bench and tests only: values for detectors, made up at run time.
    .target(name: "MaskingSamples", path: "Benchmarks/MaskingSamples", swiftSettings: habits),

    tests(of: "GatewayCore"),
    tests(of: "SQLAnalysis", with: ["GatewayCore"]),
    tests(of: "AccessPolicy", with: ["GatewayCore", "SQLAnalysis"]),
    tests(of: "PatternEngine", with: ["GatewayCore"]),
    tests(of: "DataMasking", with: ["GatewayCore", "MaskingSamples", crypto]),
    tests(of: "AuditLedger", with: ["GatewayCore", crypto]),
    tests(
        of: "SessionKernel",
        with: ["GatewayCore", "SQLAnalysis", "AccessPolicy", "DataMasking", "AuditLedger", nioCore]),
    tests(
        of: "PostgresDialect",
        with: [
            "SessionKernel", "GatewayCore", "SQLAnalysis", "AccessPolicy", "DataMasking", "AuditLedger", nioCore,
            crypto,
        ]),
    tests(of: "HTTPContent", with: ["CZlib", nioCore]),
    tests(
        of: "HTTPDialect",
        with: [
            "HTTPContent", "SessionKernel", "GatewayCore", "SQLAnalysis", "AccessPolicy", "DataMasking", "AuditLedger",
            "CZlib", nioCore,
        ]),
    tests(of: "AuditStore", with: ["AuditLedger", "GatewayCore", "CXXHash", crypto, grdb]),
    tests(of: "HTTPLimits", with: [hummingbird, nioCore, nioEmbedded]),
    tests(of: "LedgerWitness", with: ["AuditLedger", "AuditStore", "GatewayCore", crypto, logging]),
    tests(of: "Identity", with: ["GatewayCore", jwtKit, crypto, cryptoExtras, nioCore, nioPosix]),
    tests(of: "CredentialVault", with: ["GatewayCore", crypto, nioSSL, x509, asn1]),
    tests(
        of: "GatewayConfiguration",
        with: ["GatewayCore", "AccessPolicy", "AuditLedger", "DataMasking", "CredentialVault", "Identity"]),
    tests(
        of: "GatewayServer",
        with: [
            "SessionKernel", "PostgresDialect", "AuditStore", "AuditLedger", "GatewayCore", "AccessPolicy",
            "DataMasking", "GatewayConfiguration", "CredentialVault", "Identity", "LedgerWitness", nioCore,
            nioPosix, nioEmbedded, crypto, x509, asn1, logging,
        ]),
    tests(
        of: "AuditConsole",
        with: [
            "AuditStore", "AuditLedger", "Identity", "GatewayCore", "GatewayConfiguration", "AccessPolicy", crypto,
            logging,
        ]),
]

// Fuzz targets need the fuzzer's own `main` (script/fuzz), so an ordinary build leaves them out.
if Context.environment["SALLYPORT_FUZZ"] != nil {
    for name in ["FuzzFrontend", "FuzzBackend", "FuzzSession"] {
        targets.append(
            .executableTarget(
                name: name,
                dependencies: [
                    "PostgresDialect", "SessionKernel", "GatewayCore", "AccessPolicy", "SQLAnalysis", "DataMasking",
                    "AuditLedger", nioCore,
                ],
                path: "Fuzzing/\(name)", swiftSettings: habits))
    }
    targets.append(
        .executableTarget(
            name: "FuzzMasking", dependencies: ["DataMasking"], path: "Fuzzing/FuzzMasking", swiftSettings: habits))
    targets.append(
        .executableTarget(
            name: "FuzzContent", dependencies: ["HTTPContent", nioCore], path: "Fuzzing/FuzzContent",
            swiftSettings: habits))
    targets.append(
        .executableTarget(
            name: "FuzzHTTP",
            dependencies: [
                "HTTPContent", "HTTPDialect", "SessionKernel", "GatewayCore", "AccessPolicy", "DataMasking",
                "AuditLedger", nioCore,
            ],
            path: "Fuzzing/FuzzHTTP", swiftSettings: habits))
}

let package = Package(
    name: "sallyport",
    products: [
        .executable(name: "sallyport", targets: ["sallyport"]),
        .executable(name: "bare-relay", targets: ["bare-relay"]),
        .executable(name: "ledger-bench", targets: ["ledger-bench"]),
        .executable(name: "masking-bench", targets: ["masking-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: targets
)
