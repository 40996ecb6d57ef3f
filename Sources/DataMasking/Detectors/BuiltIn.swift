/// The detectors that come with the gateway; the raw value is the place in every `DetectorSet`.
enum BuiltIn: UInt8, CaseIterable, Sendable {
    // Values of the first version come first: their order decides between equal finds.
    case email, creditCard, iban, usSSN
    // Contacts, devices, dates.
    case phone, ipv4, ipv6, macAddress, imei, dateOfBirth
    // Numbers that states give to people.
    case usITIN, ukNHS, ukNINO, deTaxID, frNIR, esDNI, itCodiceFiscale, nlBSN, beNationalNumber, plPESEL, sePersonnummer
    case noFodselsnummer, dkCPR, fiHETU, chAHV, atSVNR, iePPS, ptNIF, brCPF, brCNPJ, mxCURP, caSIN, auTFN, inAadhaar
    case inPAN, cnResidentID, krRRN, jpMyNumber, sgNRIC, zaID, trTCKN
    case usRouting
    // Credentials by their shape.
    case jwt, privateKey, urlPassword, connectionString, httpAuthorization, password, passwordHash, genericSecret
    // Keys by the prefix of who issues them.
    case awsAccessKey, awsSecretKey, gcpKey, azureKey, githubToken, gitlabToken, slackToken, stripeKey, openaiKey
    case anthropicKey, huggingfaceToken, npmToken, pypiToken, rubygemsToken, sendgridKey, mailgunKey, digitaloceanToken
    case databricksToken, shopifyToken, squareToken, hashicorpToken, telegramToken, dockerToken, grafanaToken
    case sentryToken, newRelicKey, postmanKey, atlassianToken, notionToken, linearKey, figmaToken, supabaseKey
    case planetscaleToken, tailscaleKey, groqKey, xaiKey, perplexityKey, replicateToken, dopplerToken, ageKey

    var index: Int { Int(rawValue) }
    var info: DetectorInfo { DetectorInfo.all[index] }

    static let byName: [String: BuiltIn] = {
        var names: [String: BuiltIn] = [:]
        for detector in allCases { names[detector.info.name] = detector }
        return names
    }()
}

/// What a detector is, for people.
package struct DetectorInfo: Sendable, Hashable {
    /// Detectors that rules may name at once.
    package enum Group: String, Sendable, CaseIterable {
        case personal
        case national = "national_id"
        case network = "ip_address"
        case secret
        case key = "api_key"

        package var summary: String {
            switch self {
            case .personal: "what points to a person: mail, phone, cards, accounts, dates of birth"
            case .national: "numbers that states give to people and firms"
            case .network: "IPv4 and IPv6 addresses"
            case .secret: "credentials by their shape: JWT, private keys, passwords"
            case .key: "keys and tokens by the prefix of who issues them"
            }
        }
    }

    package let name: String
    package let group: Group
    package let summary: String
    /// What a value looks like; secrets are cut short.
    package let example: String
    /// Whether a value counts only near one of these words, or in a column whose name has one.
    package let keywords: [String]
    /// Whether `partial` may show the last four characters.
    let showsTail: Bool

    static func entry(
        _ name: String, _ group: Group, _ summary: String, _ example: String, near keywords: [String] = [],
        showsTail: Bool = true
    ) -> DetectorInfo {
        DetectorInfo(
            name: name, group: group, summary: summary, example: example, keywords: keywords, showsTail: showsTail)
    }

    /// In the order of `BuiltIn`.
    package static let all: [DetectorInfo] = personal + national + secrets + keys
}
