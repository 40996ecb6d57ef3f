/// The part of the published OCSF schema 1.5.0 that events of this gateway touch, as data: what a class requires, which
/// attributes it has (those of its profiles apart), which values they take.
enum OCSFSchema {
    struct Class {
        var required: [String]
        /// One of them must be there.
        var oneOf: [String] = []
        var attributes: Set<String>
        var activities: Set<Int>
        var statuses: Set<Int> = [1, 2]
    }

    struct Object {
        var required: [String] = []
        var oneOf: [String] = []
        var attributes: Set<String>
    }

    static let required = [
        "activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid",
    ]

    /// Of every class.
    static let attributes: Set<String> = [
        "activity_id", "activity_name", "category_name", "category_uid", "class_name", "class_uid", "count", "duration",
        "end_time", "enrichments", "message", "metadata", "observables", "raw_data", "raw_data_size", "severity",
        "severity_id", "start_time", "status", "status_code", "status_detail", "status_id", "time", "timezone_offset",
        "type_name", "type_uid", "unmapped",
    ]

    static let profiles: [String: Set<String>] = [
        "host": ["actor", "device"],
        "security_control": [
            "action", "action_id", "attacks", "authorizations", "confidence", "confidence_id", "confidence_score",
            "disposition", "disposition_id", "firewall_rule", "is_alert", "malware", "malware_scan_info", "policy",
            "risk_details", "risk_level", "risk_level_id", "risk_score",
        ],
    ]

    static let classes: [Int: Class] = [
        0: Class(required: [], attributes: [], activities: []),
        2004: Class(
            required: ["finding_info"],
            attributes: [
                "anomaly_analyses", "comment", "confidence", "confidence_id", "confidence_score", "evidences",
                "finding_info", "impact", "impact_id", "impact_score", "is_alert", "malware", "malware_scan_info",
                "remediation", "resources", "risk_details", "risk_level", "risk_level_id", "risk_score",
                "vendor_attributes", "vulnerabilities", "device",
            ], activities: [1, 2, 3], statuses: [1, 2, 3, 4, 5]),
        3002: Class(
            required: ["user"], oneOf: ["service", "dst_endpoint"],
            attributes: [
                "actor", "auth_factors", "auth_protocol", "auth_protocol_id", "authentication_token", "certificate",
                "dst_endpoint", "http_request", "http_response", "is_cleartext", "is_mfa", "is_new_logon", "is_remote",
                "logon_process", "logon_type", "logon_type_id", "service", "session", "src_endpoint", "user",
            ], activities: [1, 2, 3, 4, 5, 6]),
        6005: Class(
            required: ["actor", "src_endpoint"], oneOf: ["database", "databucket", "table"],
            attributes: [
                "actor", "database", "databucket", "dst_endpoint", "http_request", "http_response", "query_info",
                "src_endpoint", "table", "type", "type_id",
            ], activities: Set(1...10)),
    ]

    static let values: [String: Set<Int>] = [
        "severity_id": Set(0...6).union([99]), "action_id": Set(0...4).union([99]),
        "disposition_id": Set(0...27).union([99]), "type_id": [0, 1, 2, 3, 99],
    ]

    private static let endpoint = Object(
        oneOf: [
            "ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid", "interface_name", "domain",
        ], attributes: ["domain", "hostname", "ip", "name", "port", "svc_name", "type", "type_id", "uid"])

    /// By the attribute that they stand in.
    static let objects: [String: Object] = [
        "metadata": Object(
            required: ["product", "version"],
            attributes: [
                "correlation_uid", "event_code", "labels", "log_level", "log_name", "log_provider", "log_version",
                "logged_time", "modified_time", "original_time", "processed_time", "product", "profiles", "sequence",
                "tags", "tenant_uid", "uid", "version",
            ]),
        "product": Object(
            oneOf: ["name", "uid"],
            attributes: ["cpe_name", "feature", "lang", "name", "path", "uid", "url_string", "vendor_name", "version"]),
        "finding_info": Object(
            required: ["uid"],
            attributes: [
                "analytic", "attacks", "created_time", "data_sources", "desc", "first_seen_time", "last_seen_time",
                "modified_time", "product", "related_events", "src_url", "tags", "title", "types", "uid", "uid_alt",
            ]),
        "database": Object(
            required: ["type_id"], oneOf: ["name", "uid"],
            attributes: ["created_time", "desc", "groups", "modified_time", "name", "size", "type", "type_id", "uid"]),
        "policy": Object(
            oneOf: ["name", "uid"], attributes: ["data", "desc", "group", "is_applied", "name", "uid", "version"]),
        "user": Object(
            oneOf: ["account", "name", "uid"],
            attributes: [
                "account", "credential_uid", "display_name", "domain", "email_addr", "full_name", "groups", "name",
                "org", "type", "type_id", "uid", "uid_alt",
            ]),
        "actor": Object(
            oneOf: ["process", "user", "invoked_by", "session", "app_name", "app_uid"],
            attributes: ["app_name", "app_uid", "authorizations", "idp", "invoked_by", "process", "session", "user"]),
        "session": Object(
            attributes: [
                "count", "created_time", "credential_uid", "expiration_reason", "expiration_time", "is_mfa",
                "is_remote", "is_vpn", "issuer", "terminal", "uid", "uid_alt", "uuid",
            ]),
        "src_endpoint": endpoint,
        "service": Object(oneOf: ["name", "uid"], attributes: ["labels", "name", "tags", "uid", "version"]),
        "evidences": Object(
            oneOf: ["actor", "data", "database", "databucket", "dst_endpoint", "src_endpoint", "user"],
            attributes: [
                "actor", "data", "database", "databucket", "dst_endpoint", "name", "src_endpoint", "uid", "user",
            ]),
        "resources": Object(
            oneOf: ["name", "uid"],
            attributes: [
                "criticality", "data", "group", "labels", "name", "namespace", "owner", "type", "uid", "version",
            ]),
    ]
}
