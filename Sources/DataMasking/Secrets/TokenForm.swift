/// A token that begins with its issuer's prefix.
struct TokenForm: Sendable, Hashable {
    let detector: BuiltIn
    let prefix: String
    let alphabet: Alphabet
    /// How many characters follow the prefix; without `most` as many as come.
    let least: Int
    var most: Int?
    /// The prefix is short: it must not stand inside a word.
    var needsStart = false

    init(
        _ detector: BuiltIn, _ prefix: String, _ alphabet: Alphabet, _ least: Int, most: Int? = nil,
        needsStart: Bool = false
    ) {
        self.detector = detector
        self.prefix = prefix
        self.alphabet = alphabet
        self.least = least
        self.most = most
        self.needsStart = needsStart
    }

    /// Prefixes and lengths as the issuers' documentation gives them.
    static let all: [TokenForm] = clouds + forges + services + models

    private static let clouds: [TokenForm] = [
        // IAM identifiers: long-term, temporary, bearer and context-specific keys.
        TokenForm(.awsAccessKey, "AKIA", .base32, 16, most: 16, needsStart: true),
        TokenForm(.awsAccessKey, "ASIA", .base32, 16, most: 16, needsStart: true),
        TokenForm(.awsAccessKey, "ABIA", .base32, 16, most: 16, needsStart: true),
        TokenForm(.awsAccessKey, "ACCA", .base32, 16, most: 16, needsStart: true),
        TokenForm(.gcpKey, "AIza", .base64URL, 35, most: 35, needsStart: true),
        TokenForm(.gcpKey, "GOCSPX-", .base64URL, 24),
        TokenForm(.gcpKey, "ya29.", .dotted, 20, needsStart: true),
        TokenForm(.digitaloceanToken, "dop_v1_", .hex, 64),
        TokenForm(.digitaloceanToken, "doo_v1_", .hex, 64),
        TokenForm(.digitaloceanToken, "dor_v1_", .hex, 64),
        TokenForm(.databricksToken, "dapi", .hex, 32, needsStart: true),
        TokenForm(.hashicorpToken, "hvs.", .base64URL, 24, needsStart: true),
        TokenForm(.hashicorpToken, "hvb.", .base64URL, 24, needsStart: true),
        TokenForm(.hashicorpToken, "hvr.", .base64URL, 24, needsStart: true),
        TokenForm(.tailscaleKey, "tskey-", .base64URL, 16, needsStart: true),
        TokenForm(.supabaseKey, "sbp_", .hex, 40, needsStart: true),
        TokenForm(.supabaseKey, "sb_secret_", .base64URL, 20),
        TokenForm(.planetscaleToken, "pscale_tkn_", .dotted, 32),
        TokenForm(.planetscaleToken, "pscale_pw_", .dotted, 32),
        TokenForm(.planetscaleToken, "pscale_oauth_", .dotted, 32),
        TokenForm(.dopplerToken, "dp.pt.", .alphanumeric, 40, needsStart: true),
        TokenForm(.dopplerToken, "dp.st.", .dotted, 40, needsStart: true),
        TokenForm(.ageKey, "AGE-SECRET-KEY-1", .alphanumeric, 58),
    ]

    private static let forges: [TokenForm] = [
        TokenForm(.githubToken, "ghp_", .word, 30),
        TokenForm(.githubToken, "gho_", .word, 30),
        TokenForm(.githubToken, "ghu_", .word, 30),
        TokenForm(.githubToken, "ghs_", .word, 30),
        TokenForm(.githubToken, "ghr_", .word, 30),
        TokenForm(.githubToken, "github_pat_", .word, 40),
        TokenForm(.gitlabToken, "glpat-", .dotted, 20),
        TokenForm(.gitlabToken, "gldt-", .dotted, 20),
        TokenForm(.gitlabToken, "glrt-", .dotted, 20),
        TokenForm(.gitlabToken, "glcbt-", .dotted, 20),
        TokenForm(.gitlabToken, "glptt-", .dotted, 20),
        TokenForm(.gitlabToken, "glft-", .dotted, 20),
        TokenForm(.gitlabToken, "glimt-", .dotted, 20),
        TokenForm(.gitlabToken, "glagent-", .dotted, 20),
        TokenForm(.gitlabToken, "gloas-", .dotted, 20),
        TokenForm(.gitlabToken, "glsoat-", .dotted, 20),
        TokenForm(.npmToken, "npm_", .alphanumeric, 36, needsStart: true),
        TokenForm(.pypiToken, "pypi-AgE", .base64URL, 50),
        TokenForm(.rubygemsToken, "rubygems_", .hex, 48),
        TokenForm(.dockerToken, "dckr_pat_", .base64URL, 20),
        TokenForm(.dockerToken, "dckr_oat_", .base64URL, 20),
        TokenForm(.atlassianToken, "ATATT3", .secret, 40, needsStart: true),
        TokenForm(.atlassianToken, "ATCTT3", .secret, 40, needsStart: true),
        TokenForm(.atlassianToken, "ATBB", .alphanumeric, 28, needsStart: true),
    ]

    private static let services: [TokenForm] = [
        TokenForm(.slackToken, "xoxb-", .base64URL, 10),
        TokenForm(.slackToken, "xoxp-", .base64URL, 10),
        TokenForm(.slackToken, "xoxa-", .base64URL, 10),
        TokenForm(.slackToken, "xoxr-", .base64URL, 10),
        TokenForm(.slackToken, "xoxs-", .base64URL, 10),
        TokenForm(.slackToken, "xoxe", .dotted, 20, needsStart: true),
        TokenForm(.slackToken, "xoxc-", .base64URL, 10),
        TokenForm(.slackToken, "xoxd-", .secret, 10),
        TokenForm(.slackToken, "xapp-", .base64URL, 20),
        TokenForm(.slackToken, "hooks.slack.com/services/", .base64, 20),
        TokenForm(.stripeKey, "sk_live_", .alphanumeric, 16),
        TokenForm(.stripeKey, "rk_live_", .alphanumeric, 16),
        TokenForm(.stripeKey, "sk_test_", .alphanumeric, 16),
        TokenForm(.stripeKey, "rk_test_", .alphanumeric, 16),
        TokenForm(.stripeKey, "whsec_", .base64, 20),
        TokenForm(.sendgridKey, "SG.", .dotted, 50, needsStart: true),
        TokenForm(.mailgunKey, "key-", .hex, 32, needsStart: true),
        TokenForm(.shopifyToken, "shpat_", .hex, 32),
        TokenForm(.shopifyToken, "shpca_", .hex, 32),
        TokenForm(.shopifyToken, "shppa_", .hex, 32),
        TokenForm(.shopifyToken, "shpss_", .hex, 32),
        TokenForm(.squareToken, "sq0atp-", .base64URL, 22),
        TokenForm(.squareToken, "sq0csp-", .base64URL, 40),
        TokenForm(.grafanaToken, "glsa_", .word, 32),
        TokenForm(.grafanaToken, "glc_", .base64, 32, needsStart: true),
        TokenForm(.sentryToken, "sntrys_", .secret, 40),
        TokenForm(.sentryToken, "sntryu_", .hex, 40),
        TokenForm(.newRelicKey, "NRAK-", .alphanumeric, 20, needsStart: true),
        TokenForm(.newRelicKey, "NRII-", .base64URL, 20, needsStart: true),
        TokenForm(.postmanKey, "PMAK-", .base64URL, 40, needsStart: true),
        TokenForm(.notionToken, "ntn_", .alphanumeric, 40, needsStart: true),
        TokenForm(.linearKey, "lin_api_", .alphanumeric, 30),
        TokenForm(.figmaToken, "figd_", .base64URL, 30),
    ]

    private static let models: [TokenForm] = [
        TokenForm(.openaiKey, "sk-proj-", .base64URL, 30),
        TokenForm(.openaiKey, "sk-svcacct-", .base64URL, 30),
        TokenForm(.openaiKey, "sk-admin-", .base64URL, 30),
        TokenForm(.anthropicKey, "sk-ant-", .base64URL, 30),
        TokenForm(.huggingfaceToken, "hf_", .alphanumeric, 30, needsStart: true),
        TokenForm(.huggingfaceToken, "api_org_", .alphanumeric, 30, needsStart: true),
        TokenForm(.groqKey, "gsk_", .alphanumeric, 40, needsStart: true),
        TokenForm(.xaiKey, "xai-", .alphanumeric, 40, needsStart: true),
        TokenForm(.perplexityKey, "pplx-", .alphanumeric, 40, needsStart: true),
        TokenForm(.replicateToken, "r8_", .alphanumeric, 30, needsStart: true),
    ]
}
