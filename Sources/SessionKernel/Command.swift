package import AccessPolicy
package import AuditLedger
package import DataMasking
package import GatewayCore
package import NIOCore

/// Names an exchange within its session; counts from 1 in the client's order.
package struct ExchangeID: Hashable, Sendable, Comparable {
    package let number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }

    package static func < (one: ExchangeID, other: ExchangeID) -> Bool { one.number < other.number }
}

/// The unit of decision: everything that a verdict may depend on, and the very bytes that will be forwarded.
package struct Command {
    /// What a `hold` means for it: some commands only prepare, and are forwarded while what they prepared is held
    /// later.
    package enum Weight: Sendable {
        /// Takes effect: may be held.
        case effective
        /// Only prepares (PostgreSQL's Parse): refused when blocked, forwarded when held.
        case preparing
    }

    package var id: ExchangeID
    package var weight: Weight
    /// The text to analyse before the verdict; nil when the dialect knows the answer already or there is none.
    package var text: [UInt8]?
    /// Exactly what is forwarded when allowed (P5).
    package var bytes: ByteBuffer
    /// The exchange that this one continues (an Execute on a suspended portal).
    package var continues: ExchangeID?

    package init(
        id: ExchangeID, weight: Weight = .effective, text: [UInt8]? = nil, bytes: ByteBuffer,
        continues: ExchangeID? = nil
    ) {
        self.id = id
        self.weight = weight
        self.text = text
        self.bytes = bytes
        self.continues = continues
    }
}

/// A command apart from its session: equal for the same one in any session, and for no other.
package struct StandaloneCommand: Equatable {
    /// What its session began with that its meaning may hang on.
    package var circumstances: ByteBuffer
    /// Texts, types, formats and values.
    package var command: ByteBuffer

    package init(circumstances: ByteBuffer = ByteBuffer(), command: ByteBuffer) {
        self.circumstances = circumstances
        self.command = command
    }
}

/// What rules judge and what the entry holds.
package struct Assessment {
    /// What the guards see.
    package var subject: CommandSubject
    /// Statement classes, verb and objects for the leaf: meaning only, never content.
    package var classes: [String]
    package var verb: String
    package var objects: [String]
    /// Text and parameters as the record holds them: masked already.
    package var content: [ContentItem]
    /// Texts that names in the command stand for, masked as they were recorded: for who is asked to approve it.
    package var prepared: [[UInt8]] = []
    /// Why the client says that this may not wait, in the command's own text; a claim, no right.
    package var breakGlass: String?
    /// Seconds that the client waits for an approval at most, as it says; 0: not at all. Nil when it does not say.
    package var patience: Int?
    /// A refusal that needs no rule: the dialect itself cannot let it pass.
    package var refusal: Refusal?
    /// Decided already: the command continues one that was (its verdict stands).
    package var isDecided: Bool

    package init(
        subject: CommandSubject, classes: [String] = [], verb: String = "", objects: [String] = [],
        content: [ContentItem] = [],
        refusal: Refusal? = nil, isDecided: Bool = false
    ) {
        self.subject = subject
        self.classes = classes
        self.verb = verb
        self.objects = objects
        self.content = content
        self.refusal = refusal
        self.isDecided = isDecided
    }
}

/// What a client shows at sign-in.
package struct SignInProof: Sendable {
    /// The connection asked for (PostgreSQL: the user name).
    package var connection: String
    /// The database asked for; empty means the connection's own.
    package var database: String
    /// The token or ticket. Never logged or recorded.
    package var token: [UInt8]
    /// What the client says of itself, e.g. application_name; claimed, not verified.
    package var claims: AgentContext
    package var isTLS: Bool

    package init(
        connection: String, database: String, token: [UInt8], claims: AgentContext = AgentContext(), isTLS: Bool
    ) {
        self.connection = connection
        self.database = database
        self.token = token
        self.claims = claims
        self.isTLS = isTLS
    }
}

/// What a session may do, fixed at sign-in.
package struct SessionTerms: Sendable {
    package var context: SessionContext
    /// The database at the target, defaults filled in and authorised.
    package var database: String
    /// The name the gateway uses at the target.
    package var targetUser: String
    package var masks: MaskSet
    /// The key pair a client may cancel with (PostgreSQL: process id and secret): the gateway's own, never the
    /// target's.
    package var cancelKey: (processID: Int32, secret: [UInt8])
    package var durability: Durability
    package var limits: SessionLimits
    /// How the target's TLS is asked for.
    package var targetTLS: TargetTLS
    /// Moves whenever what is known of the target's tables and views may be out of date.
    package var schema: SchemaVersion
    /// The target itself shall hold the session to reading.
    package var isReadOnly: Bool
    /// Where the target is reached, for protocols that tell it themselves.
    package var targetPlace = TargetPlace()
    /// A refusal inside an explicit transaction leaves it usable.
    package var continuesAfterRefusal: Bool
    /// What people agreed to show to this principal, asked anew for each answer; nil for nothing.
    package var unmasking: @Sendable () -> Unmasking? = { nil }

    package init(
        context: SessionContext, database: String, targetUser: String, masks: MaskSet,
        cancelKey: (processID: Int32, secret: [UInt8]), durability: Durability, limits: SessionLimits,
        targetTLS: TargetTLS, schema: SchemaVersion = SchemaVersion(), isReadOnly: Bool = false,
        continuesAfterRefusal: Bool = false
    ) {
        self.context = context
        self.database = database
        self.targetUser = targetUser
        self.masks = masks
        self.cancelKey = cancelKey
        self.durability = durability
        self.limits = limits
        self.targetTLS = targetTLS
        self.schema = schema
        self.isReadOnly = isReadOnly
        self.continuesAfterRefusal = continuesAfterRefusal
    }
}

/// A target's place as a URL has it: host and port, and a path that everything lies under, without a slash at its end.
package struct TargetPlace: Sendable, Hashable {
    package var authority = ""
    package var path = ""
    package var isTLS = false
    package var speaksHTTP2 = false
    /// How the target is shown its credential: what a client sends in that place goes no further.
    package var credential = TargetCredential.Form.password

    package init() {}
}

/// When a record counts as safe (DESIGN section 6).
package enum Durability: String, Sendable {
    /// Command, every chunk and outcome wait for the sync.
    case strict
    /// Command and closing bytes wait for the sync; chunks run within the budget.
    case command
    /// All wait for write() only.
    case relaxed
}

/// How TLS to the target is negotiated; certificate checks are the shell's.
package enum TargetTLS: String, Sendable {
    case disable
    case prefer
    /// require, verify-ca and verify-full alike: without TLS there is no session.
    case required
}

/// Bounds of one session; bytes and counts, 0 = unlimited only where said.
package struct SessionLimits: Sendable, Hashable {
    /// Largest judged head of a command.
    package var command: Int = 1 << 20
    /// Largest single message that is buffered whole (sign-in, Bind heads...); larger data messages stream.
    package var message: Int = 1 << 24
    /// Rows up to this size are masked whole.
    package var row: Int = 1 << 24
    /// Undecided bytes of a client that are kept before it is not read any more.
    package var pipelineBytes: Int = 1 << 20
    /// Undecided items likewise.
    package var pipelineItems: Int = 1024
    /// Recorded bytes that may be unsynced (DESIGN section 5).
    package var unsyncedBytes: Int = 256 << 10
    /// Answer bytes kept per exchange; past it digest and counts only.
    package var responseBytes: Int = 64 << 20
    /// Rows per exchange; 0 = unlimited.
    package var rows: Int = 0
    /// Bytes of rows per exchange; 0 = unlimited.
    package var bytes: Int = 0
    /// Seconds per exchange; 0 = unlimited.
    package var seconds: Int = 0
    /// Prepared statements and portals a client may keep open.
    package var names: Int = 4096

    package init() {}
}

/// The target's credential, handed to one upstream.
package struct TargetCredential: Sendable {
    /// How it is shown to the target.
    package enum Form: Sendable, Hashable {
        /// Name and password, in the protocol's own way (HTTP: Basic); without a name nothing is shown.
        case password
        /// `Authorization: Bearer`.
        case bearer
        /// The value of a header field of that name.
        case header(String)
        /// The value of a query parameter of that name.
        case query(String)
    }

    package var username: String
    package var password: [UInt8]?
    package var form: Form

    package init(username: String, password: [UInt8]?, form: Form = .password) {
        self.username = username
        self.password = password
        self.form = form
    }
}

/// What a client that waits for an approval is told.
package struct HoldNotice: Sendable {
    package var approvalID: RecordID
    package var message: String
    package var hint: String

    package init(approvalID: RecordID, message: String, hint: String) {
        self.approvalID = approvalID
        self.message = message
        self.hint = hint
    }
}

/// Which columns stand behind result columns: asked of the target's catalogue.
package enum LookupRequest: Sendable, Hashable {
    /// By table OID and attribute number, as RowDescription tells them.
    case columns([ColumnReference])
    /// Columns of a relation as a COPY names it; no names means all, in order.
    case relation(RelationName, columns: [String], searchPath: String?)
    /// Result columns of a query that COPY carries.
    case query(text: [UInt8], searchPath: String?)

    package struct ColumnReference: Sendable, Hashable {
        package var table: UInt32
        package var attribute: Int16

        package init(table: UInt32, attribute: Int16) {
            self.table = table
            self.attribute = attribute
        }
    }
}

/// Columns in the order asked for: the base columns each may come from, and its name and type.
package struct LookupAnswer: Sendable {
    package struct Column: Sendable {
        package var name: String
        package var origins: [ColumnOrigin]
        /// Type OID, 0 when unknown.
        package var type: UInt32
        /// Of a view: what stands behind it may become another thing.
        package var isView = false

        package init(name: String, origins: [ColumnOrigin], type: UInt32) {
            self.name = name
            self.origins = origins
            self.type = type
        }
    }

    /// Nil when the catalogue could not answer: everything is unknown.
    package var columns: [Column]?

    package init(columns: [Column]?) {
        self.columns = columns
    }
}
