import AccessPolicy
import CredentialVault
import GatewayConfiguration
import Testing

/// Connections of kind `http`: what is read, and what is refused where.
@Suite struct HTTPConnectionTests {
    private func text(_ connection: String) -> String {
        """
        data: ./data
        listen: {http: 127.0.0.1:6080, console: 127.0.0.1:6090}
        identity: {local: true}
        connections:
          - name: billing
            kind: http
            access: {groups: [agents]}
            \(connection)

        """
    }

    private func load(_ connection: String) throws -> ConnectionConfiguration {
        let read = try Configuration.parse(text(connection), path: "/etc/gw.yaml", checkingSecrets: false)
        return try #require(read.connections.first)
    }

    private func problems(_ connection: String) -> [ConfigurationProblem] {
        do throws(ConfigurationErrors) {
            _ = try Configuration.parse(text(connection), path: "/etc/gw.yaml", checkingSecrets: false)
            return []
        } catch {
            return error.problems
        }
    }

    @Test(arguments: [
        ("https://billing.internal", "billing.internal", 443, "", TargetConfiguration.TLSMode.verifyFull),
        ("https://billing.internal:8443/api/", "billing.internal", 8443, "/api", .verifyFull),
        ("http://127.0.0.1:8000/a/b", "127.0.0.1", 8000, "/a/b", .disable),
        ("HTTP://[::1]:80", "::1", 80, "", .disable),
    ])
    func aTargetIsAURL(_ url: String, _ host: String, _ port: Int, _ path: String, _ tls: TargetConfiguration.TLSMode)
        throws
    {
        let target = try load("target: {url: \"\(url)\"}").target
        #expect(target.host == host && target.port == port && target.path == path && target.tls == tls)
    }

    @Test func credentialsHaveTheirForms() throws {
        func form(_ credential: String) throws -> CredentialConfiguration {
            try load("target: {url: \"http://127.0.0.1:1\"}\n    credential: \(credential)").credential
        }
        #expect(try form("{bearer: {env: HOME}}").form == .bearer)
        #expect(try form("{header: {name: X-Key, value: {env: HOME}}}").form == .header("X-Key"))
        #expect(try form("{query: {name: key, value: {env: HOME}}}").form == .query("key"))
        let basic = try form("{username: u, password: {env: HOME}}")
        #expect(basic.form == .password && basic.username == "u" && basic.password != nil)
        let none = try load("target: {url: \"http://127.0.0.1:1\"}").credential
        #expect(none.form == .password && none.username == "" && none.password == nil)
    }

    @Test func aClientCertificateStandsAloneOrBesideAnother() throws {
        func read(_ credential: String) throws -> CredentialConfiguration {
            try load("target: {url: \"https://x\"}\n    credential: \(credential)").credential
        }
        let alone = try read("{certificate: client.crt, key: {env: KEY}}")
        #expect(alone.form == .password && alone.username == "" && alone.password == nil)
        #expect(alone.certificate?.certificate.description == "file /etc/client.crt")
        #expect(alone.certificate?.key.description == "env KEY")
        let both = try read("{bearer: {env: HOME}, certificate: {file: a}, key: {file: /b}}")
        #expect(both.form == .bearer && both.certificate?.key.description == "file /b")
        #expect(try read("{bearer: {env: HOME}}").certificate == nil)
    }

    @Test(arguments: [
        ("http://127.0.0.1:1", "{certificate: a, key: b}", "credential", "over TLS only"),
        ("https://x", "{certificate: a}", "credential", "`key` is missing"),
        ("https://x", "{key: b}", "credential.key", "belongs to a certificate"),
        ("https://x", "{certificate: \"-----BEGIN CERTIFICATE-----\", key: b}", "credential.certificate", "PEM text"),
        (
            "https://x", "{certificate: a, key: b, bearer: {env: A}, query: {name: a, value: {env: B}}}", "credential",
            "one of"
        ),
    ])
    func mistakesOfCertificatesAreTold(_ url: String, _ credential: String, _ key: String, _ words: String) {
        let found = problems("target: {url: \"\(url)\"}\n    credential: \(credential)")
        #expect(
            found.contains { $0.key == "connections[0]." + key && $0.what.contains(words) && $0.line == 9 }, "\(found)")
    }

    @Test func guardsOnRequestsAreRead() throws {
        let guards = try load(
            "target: {url: \"http://127.0.0.1:1\"}\n    guard: [{name: g, when: {method: {not: [GET]}, "
                + "path: [/a/**], header: {X-A: [b]}, query: {c: {not: [d]}}, statement: [write]}, then: block}]"
        ).guards
        #expect(
            guards[0].when.parts.map { $0.key + "=" + $0.values.joined() } == [
                "statement=write", "method.not=GET", "path=/a/**", "header.X-A=b", "query.c.not=d",
            ])
    }

    private func guarded(_ when: String) -> String {
        "target: {url: \"http://127.0.0.1:1\"}\n    guard: [{name: g, when: {\(when)}, then: block}]"
    }

    @Test func guardsOnBodiesAreRead() throws {
        let guards = try load(
            guarded(
                "path: /a, body: {\"**.role\": [admin, 7], \"$.a[0]\": {not: [b]}, n: {over: 1_000, under: 2e3}, "
                    + "x: {is: absent}, y: {is: present}}, graphql: {operation: [mutation], name: {not: [A]}, field: [\"d*\"]}"
            )
        ).guards
        #expect(
            guards[0].when.parts.map { $0.key + "=" + $0.values.joined(separator: " ") } == [
                "path=/a", "body.$.a[0].not=b", "body.**.role=admin 7", "body.n.over=1000", "body.n.under=2e3",
                "body.x.not=*", "body.y=*", "graphql.operation=mutation", "graphql.name.not=A", "graphql.field=d*",
            ])
    }

    @Test(arguments: [
        ("body: [a]", "when.body", "mapping"), ("body: {}", "when.body", "nothing is named"),
        ("body: {a: {}}", "when.body.a", "nothing is asked"), ("body: {a: []}", "when.body.a", "list is empty"),
        ("body: {a: {over: many}}", "when.body.a.over", "number is expected"),
        ("body: {a: {over: 0x10}}", "when.body.a.over", "number is expected"),
        ("body: {a: {is: there}}", "when.body.a.is", "none of the possible values"),
        ("body: {a: {is: absent, over: 1}}", "when.body.a.is", "stands alone"),
        ("body: {a: {more: 1}}", "when.body.a.more", "not known"),
        ("body: {\"a..b\": [c]}", "when.body", "no path into a body"),
        ("body: {\"$\": [c]}", "when.body", "no path into a body"),
        ("graphql: {operation: [mutation]}", "when.graphql", "no path says"),
        ("path: /g, graphql: {}", "when.graphql", "nothing is asked of GraphQL"),
        ("path: /g, graphql: {operation: [mutate]}", "when.graphql.operation", "no operation `mutate`"),
        ("path: /g, graphql: {type: [mutation]}", "when.graphql.type", "not known"),
    ])
    func mistakesOfGuardsOnBodies(_ when: String, _ key: String, _ words: String) {
        let found = problems(guarded(when))
        #expect(
            found.contains { $0.key == "connections[0].guard[0]." + key && $0.what.contains(words) && $0.line == 9 },
            "\(found)")
    }

    @Test(arguments: [
        ("target: {url: ftp://x}", "connections[0].target.url", "no address"),
        ("target: {url: \"http://u:p@x\"}", "connections[0].target.url", "no address"),
        ("target: {url: \"http://x/?a\"}", "connections[0].target.url", "no address"),
        ("target: {url: \"http://x/a/../b\"}", "connections[0].target.url", "no address"),
        ("target: {url: \"http://x:0\"}", "connections[0].target.url", "no address"),
        ("target: {url: \"http://127.0.0.1\", tls: verify-full}", "connections[0].target.tls", "there is no TLS"),
        ("target: {url: \"https://x\", tls: prefer}", "connections[0].target.tls", "TLS is required"),
        ("target: {host: x}", "connections[0].target.host", "not known"),
        ("mask: [{columns: [a]}]", "connections[0].mask[0].columns", "not known"),
        ("mask: [{with: hash}]", "connections[0].mask[0]", "names nothing to hide"),
        ("binary: [{type: [a/b], then: pass}]", "connections[0].binary", "there are no masks"),
        ("limits: {rows: 5}", "connections[0].limits.rows", "not known"),
        ("host: \"a:1\"", "connections[0].host", "no host name"),
        ("databases: [a]", "connections[0].databases", "not known"),
        ("credential: {bearer: {env: HOME}, username: u}", "connections[0].credential", "one of"),
        (
            "credential: {header: {name: Host, value: {env: HOME}}}", "connections[0].credential.header.name",
            "cannot hold"
        ),
        ("guard: [{name: g, when: {table: [a]}, then: block}]", "connections[0].guard[0].when.table", "says nothing"),
        ("guard: [{name: g, when: {matches: a}, then: block}]", "connections[0].guard[0].when.matches", "says nothing"),
        (
            "guard: [{name: g, when: {statement: [ddl]}, then: block}]", "connections[0].guard[0].when.statement",
            "says nothing"
        ),
        ("guard: [{name: g, when: {path: [admin]}, then: block}]", "connections[0].guard[0].when.path", "no path"),
        ("guard: [{name: g, when: {path: [/a?b]}, then: block}]", "connections[0].guard[0].when.path", "no path"),
        (
            "guard: [{name: g, when: {header: {Cookie: [a]}}, then: block}]", "connections[0].guard[0].when.header",
            "no rule can see"
        ),
    ])
    func mistakesAreTold(_ connection: String, _ key: String, _ words: String) {
        let found = problems(connection)
        #expect(
            found.contains { $0.key == key && ($0.what + " " + $0.fix).contains(words) && $0.line == 8 }, "\(found)")
    }

    @Test func keysOfRequestsSayNothingAboutDatabases() {
        let text = """
            data: ./data
            identity: {local: true}
            connections:
              - name: orders
                kind: postgres
                target: {host: 127.0.0.1, database: shop}
                credential: {username: app}
                access: {groups: [agents]}
                guard:
                  - {name: g, when: {path: [/a]}, then: block}
            policy:
              - {name: h, connections: [orders], when: {method: [GET]}, then: block}

            """
        do throws(ConfigurationErrors) {
            _ = try Configuration.parse(text, path: "/etc/gw.yaml", checkingSecrets: false)
            Issue.record("it loads")
        } catch {
            #expect(error.problems.map(\.key) == ["connections[0].guard[0].when.path", "policy[0].when"])
            #expect(error.problems.map(\.line) == [10, 12])
        }
    }
}
