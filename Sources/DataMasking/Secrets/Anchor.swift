/// A literal that the pattern engine looks for, and what is done where it stands.
struct Anchor: Sendable {
    enum Action: Sendable {
        case token(TokenForm)
        case jwt
        case armour
        case puttyKey
        case url
        case password
        case secret
        case awsSecret
        case authorization
        case bearer
        case passwordHash(Alphabet)
        case azureNamedKey
        case azureClientSecret
        case azureSignature
        case openAIMark
        case terraform
        case birth(isWhole: Bool)
        case phoneWord(isWhole: Bool)
    }

    let literal: Literal
    /// It is looked for when one of these is wanted.
    let detectors: DetectorSet
    let action: Action
    let length: Int

    private init(_ text: String, _ detectors: [BuiltIn], _ action: Action, isCaseless: Bool = false) {
        literal = Literal(text: text, isCaseless: isCaseless)
        self.detectors = .of(detectors)
        self.action = action
        length = text.utf8.count
    }

    static let all: [Anchor] = {
        var anchors = TokenForm.all.map { Anchor($0.prefix, [$0.detector], .token($0)) }
        anchors += [
            Anchor("eyJ", [.jwt], .jwt),
            Anchor("-----BEGIN ", [.privateKey], .armour),
            Anchor("Private-Lines:", [.privateKey], .puttyKey),
            Anchor("://", [.urlPassword, .connectionString], .url),
            Anchor("AccountKey=", [.azureKey, .connectionString], .azureNamedKey, isCaseless: true),
            Anchor("SharedAccessKey=", [.azureKey, .connectionString], .azureNamedKey, isCaseless: true),
            Anchor("7Q~", [.azureKey], .azureClientSecret),
            Anchor("8Q~", [.azureKey], .azureClientSecret),
            Anchor("&sig=", [.azureKey], .azureSignature),
            Anchor("?sig=", [.azureKey], .azureSignature),
            Anchor("T3BlbkFJ", [.openaiKey], .openAIMark),
            Anchor(".atlasv1.", [.hashicorpToken], .terraform),
            Anchor("authorization", [.httpAuthorization], .authorization, isCaseless: true),
            Anchor("bearer ", [.httpAuthorization], .bearer, isCaseless: true),
            Anchor("SCRAM-SHA-256$", [.passwordHash], .passwordHash(.verifier)),
        ]
        for word in ["passw", "passphrase", "pwd"] {
            anchors.append(Anchor(word, [.password, .connectionString], .password, isCaseless: true))
        }
        for word in [
            "secret", "token", "apikey", "api_key", "api-key", "accesskey", "access_key", "access-key", "credential",
        ] {
            anchors.append(Anchor(word, [.genericSecret], .secret, isCaseless: true))
        }
        for word in ["secretaccesskey", "secret_access_key", "aws_secret"] {
            anchors.append(Anchor(word, [.awsSecretKey], .awsSecret, isCaseless: true))
        }
        for prefix in ["$2a$", "$2b$", "$2y$", "$argon2", "$1$", "$5$", "$6$", "$y$", "$pbkdf2", "pbkdf2_sha"] {
            anchors.append(Anchor(prefix, [.passwordHash], .passwordHash(.crypt)))
        }
        for word in ["birth", "geburt", "naissance", "nacimiento"] {
            anchors.append(Anchor(word, [.dateOfBirth], .birth(isWhole: false), isCaseless: true))
        }
        for word in ["dob", "born", "geboren"] {
            anchors.append(Anchor(word, [.dateOfBirth], .birth(isWhole: true), isCaseless: true))
        }
        for word in ["phone", "telefon", "mobile", "whatsapp", "msisdn"] {
            anchors.append(Anchor(word, [.phone], .phoneWord(isWhole: false), isCaseless: true))
        }
        for word in ["tel", "cell", "fax", "sms", "handy"] {
            anchors.append(Anchor(word, [.phone], .phoneWord(isWhole: true), isCaseless: true))
        }
        return anchors
    }()
}

extension Scan {
    /// A literal ends before `end`.
    mutating func hit(_ anchor: Anchor, _ end: Int) {
        let start = end - anchor.length
        begin()
        switch anchor.action {
        case .token(let form): token(form, start, end)
        case .jwt: jwt(start)
        case .armour: armour(start, end)
        case .puttyKey: openArmour(end, end)
        case .url: url(end)
        case .password: assignment(end, isPassword: true)
        case .secret: assignment(end, isPassword: false)
        case .awsSecret: awsSecret(end)
        case .authorization: authorization(end)
        case .bearer: bearer(end)
        case .passwordHash(let alphabet): passwordHash(start, alphabet)
        case .azureNamedKey: azureNamedKey(end)
        case .azureClientSecret: azureClientSecret(start, end)
        case .azureSignature: azureSignature(end)
        case .openAIMark: openAIMark(start, end)
        case .terraform: terraform(start, end)
        case .birth(let isWhole): birth(start, end, isWhole: isWhole)
        case .phoneWord(let isWhole): phoneWord(start, end, isWhole: isWhole)
        }
    }
}

/// What the pattern engine looks for with all detectors on: for benches of the engine alone.
package enum DetectorLiterals {
    package static var all: [(text: String, isCaseless: Bool)] {
        Anchor.all.map { ($0.literal.text, $0.literal.isCaseless) }
    }
}
