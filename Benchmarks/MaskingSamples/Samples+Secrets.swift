/// Credentials made up of random characters. Prefixes are put together at run time: the repository holds nothing that a
/// scanner for secrets would take for one.
extension Samples {
    static func secret(_ name: String, _ random: inout SampleGenerator) -> Sample? {
        let word = SampleGenerator.alphanumeric
        switch name {
        case "jwt":
            let head = "ey" + "J" + random.text(33, of: word)
            return Sample(
                name,
                head + "." + "ey" + "J" + random.text(random.number(40...300), of: word) + "."
                    + random.text(43, of: word + "-_"),
                broken: head)
        case "private_key":
            let kind = random.pick(["", "RSA ", "EC ", "OPENSSH "])
            let newline = random.pick(["\n", "\\n"])
            let lines = (0..<random.number(2...6)).map { _ in random.text(64, of: word + "+/") }.joined(
                separator: newline)
            let value =
                "-----BEGIN " + kind + "PRIVATE" + " KEY-----" + newline + lines + newline + "-----END " + kind
                + "PRIVATE"
                + " KEY-----"
            return Sample(name, value, broken: "-----BEGIN " + "PUBLIC KEY-----" + newline + lines)
        case "url_password":
            return Sample(
                name, random.text(random.number(6...20), of: word + "!$-_."),
                before: random.pick(["https", "postgres", "amqp"]) + "://" + random.text(6, of: SampleGenerator.lower)
                    + ":",
                after: "@db.example.com:5432/x")
        case "connection_string":
            return Sample(
                name, random.text(random.number(8...20), of: word + "!-_"),
                before: "Server=db.example.com;Uid=app;Pwd=", after: ";Pooling=true")
        case "http_authorization":
            return Sample(
                name, random.text(30, of: word + "-_") + "7",
                before: random.pick(["Authorization: Bearer ", "\"authorization\": \"Bearer ", "authorization: token "])
            )
        case "password":
            let (before, after) = random.pick([
                ("password=", "&x=1"), ("\"password\": \"", "\""), ("DB_PASSWORD: ", "\n"), ("passwd = '", "'"),
                ("PASSWORD '", "';"), ("{\\\"pwd\\\":\\\"", "\\\"}"),
            ])
            return Sample(
                name, random.text(random.number(8...16), of: word + "!-_") + "7", before: before, after: after,
                broken: "${DB_PASSWORD}")
        case "password_hash":
            return Sample(name, "$" + "2b" + "$12$" + random.text(53, of: word + "./"))
        case "generic_secret":
            return Sample(
                name, random.text(32, of: word) + "47",
                before: random.pick(["client_secret=", "\"api_key\": \"", "SECRET_TOKEN: ", "accessKey='"]),
                after: random.pick(["\n", "\""]), broken: "aaaaaaaaaaaaaaaaaaaaaaaa")
        case "aws_secret_key":
            return Sample(name, random.text(40, of: word + "/+"), before: "aws_secret_access_key = ", after: "\n")
        case "azure_key":
            return Sample(
                name, random.text(86, of: word + "+/") + "==", before: "AccountName=x;Account" + "Key=",
                after: ";EndpointSuffix=core.windows.net")
        case "telegram_token":
            return Sample(
                name, "\(random.number(100_000_000...999_999_999))" + ":" + "AA" + random.text(33, of: word + "_"))
        case "sendgrid_key":
            return Sample(name, "SG" + "." + random.text(22, of: word) + "." + random.text(43, of: word))
        default: return key(name, &random)
        }
    }

    private static func key(_ name: String, _ random: inout SampleGenerator) -> Sample? {
        let word = SampleGenerator.alphanumeric
        let forms: [String: [(String, Int, String)]] = [
            "aws_access_key": [
                ("AK" + "IA", 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
                ("AS" + "IA", 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            ],
            "gcp_key": [("AI" + "za", 35, word + "_"), ("GOC" + "SPX-", 28, word)],
            "github_token": [("gh" + "p_", 36, word), ("gh" + "s_", 36, word), ("github" + "_pat_", 82, word + "_")],
            "gitlab_token": [("gl" + "pat-", 20, word), ("gl" + "rt-", 20, word)],
            "slack_token": [("xo" + "xb-", 40, SampleGenerator.figures + "-"), ("xo" + "xp-", 60, word)],
            "stripe_key": [("sk" + "_live_", 24, word), ("rk" + "_live_", 24, word), ("wh" + "sec_", 32, word)],
            "openai_key": [
                ("sk" + "-proj-", 80, word), ("sk" + "-" + "abcdefghijklmnopqrst" + "T3Blbk" + "FJ", 20, word),
            ],
            "anthropic_key": [("sk" + "-ant-api03-", 93, word + "-_")],
            "huggingface_token": [("h" + "f_", 34, word)],
            "npm_token": [("np" + "m_", 36, word)],
            "pypi_token": [("py" + "pi-AgEI", 150, word)],
            "rubygems_token": [("ruby" + "gems_", 48, SampleGenerator.hex)],
            "mailgun_key": [("ke" + "y-", 32, SampleGenerator.hex)],
            "digitalocean_token": [("do" + "p_v1_", 64, SampleGenerator.hex)],
            "databricks_token": [("da" + "pi", 32, SampleGenerator.hex)],
            "shopify_token": [("sh" + "pat_", 32, SampleGenerator.hex)],
            "square_token": [("sq0" + "atp-", 22, word)],
            "hashicorp_token": [("hv" + "s.", 90, word)],
            "docker_token": [("dckr" + "_pat_", 27, word)],
            "grafana_token": [("gl" + "sa_", 41, word + "_")],
            "sentry_token": [("sntry" + "s_", 60, word)],
            "new_relic_key": [("NR" + "AK-", 27, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")],
            "postman_key": [("PM" + "AK-", 59, SampleGenerator.hex)],
            "atlassian_token": [("ATA" + "TT3", 186, word)],
            "notion_token": [("nt" + "n_", 46, word)],
            "linear_key": [("lin" + "_api_", 40, word)],
            "figma_token": [("fi" + "gd_", 40, word)],
            "supabase_key": [("sb" + "p_", 40, SampleGenerator.hex)],
            "planetscale_token": [("pscale" + "_tkn_", 43, word)],
            "tailscale_key": [("ts" + "key-auth-", 40, word)],
            "groq_key": [("gs" + "k_", 52, word)],
            "xai_key": [("xa" + "i-", 80, word)],
            "perplexity_key": [("pp" + "lx-", 48, word)],
            "replicate_token": [("r" + "8_", 37, word)],
            "doppler_token": [("dp" + ".pt.", 43, word)],
            "age_key": [("AGE-SECRET" + "-KEY-1", 58, "ABCDEFGHJKLMNPQRSTUVWXYZ234567")],
        ]
        guard let list = forms[name] else { return nil }
        let (prefix, count, alphabet) = random.pick(list)
        return Sample(name, prefix + random.text(count, of: alphabet), broken: prefix + "abc")
    }
}
