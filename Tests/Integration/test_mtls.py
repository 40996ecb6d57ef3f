"""Targets that ask for a client certificate: the gateway shows its own, whatever is spoken inside; and what is said of
certificates that are missing, wrong or over."""

import contextlib
import datetime
import http.server
import json
import os
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import harness
import record
from harness import run

CLIENT = "gateway-client"


class Authority:
    """A certificate authority of the test's own, by the openssl command."""

    def __init__(self, folder, name="authority"):
        self.folder, self.certificate, self.key = folder, folder / f"{name}.crt", folder / f"{name}.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate).check()
        self.certificate.chmod(0o644)

    def issue(self, name, days=2, algorithm=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        """(certificate, key) of that common name, also for 127.0.0.1."""
        certificate, key, request = (self.folder / f"{name}.{end}" for end in ("crt", "key", "csr"))
        run("openssl", "req", "-new", "-newkey", *algorithm, "-nodes", "-subj", f"/CN={name}",
            "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", request).check()
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
            "-days", str(days), "-copy_extensions", "copy", "-out", certificate).check()
        key.chmod(0o600)
        for path in (certificate, key):
            harness.give_away(path)
        return certificate, key


def expired(key, certificate):
    """Writes a certificate for that key which was valid until the day before yesterday."""
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "over")])
    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    made = made.serial_number(1).not_valid_before(now - 9 * day).not_valid_after(now - 2 * day)
    certificate.write_bytes(made.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


class Handler(http.server.BaseHTTPRequestHandler):
    """Tells who the client is by its certificate."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def do_GET(self):
        peer = self.connection.getpeercert() or {}
        names = [value for part in peer.get("subject", ()) for key, value in part if key == "commonName"]
        body = json.dumps({"client": names[0] if names else None, "serial": peer.get("serialNumber"),
                           "authorization": self.headers.get("Authorization")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Origin:
    """An HTTP/1.1 service that no client reaches without a certificate of `authority`."""

    def __init__(self, authority, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.maximum_version = versions
        context.load_cert_chain(*authority.issue(f"origin-{versions[0].value}"))
        context.load_verify_locations(authority.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def nginx(folder, authority):
    """nginx speaking HTTP/1.1 and HTTP/2 to clients with a certificate only; gives its port."""
    certificate, key = authority.issue("nginx")
    port, place = harness.free_port(), folder / "nginx"
    place.mkdir()
    (place / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {place}/pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {place}/1; proxy_temp_path {place}/2; fastcgi_temp_path {place}/3;
  uwsgi_temp_path {place}/4; scgi_temp_path {place}/5;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_client_certificate {authority.certificate}; ssl_verify_client on;
    location / {{ return 200 "$ssl_client_s_dn over $server_protocol, $http_authorization\\n"; }}
  }}
}}
""")
    for path in (place, place / "nginx.conf"):
        harness.give_away(path)
    server = subprocess.Popen(["nginx", "-p", place, "-c", place / "nginx.conf", "-e", "stderr"],
                              stderr=subprocess.DEVNULL, start_new_session=True, **harness.as_unprivileged())
    try:
        harness.wait_for(
            lambda: run("curl", "-sk", f"https://127.0.0.1:{port}/").code == 0, 10, "nginx answering")
        yield port
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def authority(scratch):
    return Authority(scratch.folder("mtls"))


@pytest.fixture(scope="module")
def client(authority):
    return authority.issue(CLIENT)


def shown(pair, **rest):
    certificate, key = pair
    return {"certificate": {"file": str(certificate)}, "key": {"file": str(key)}, **rest}


def connection(name, url, authority, credential, **target):
    return {"name": name, "kind": "http", "access": {"groups": ["agents"]}, "credential": credential,
            "target": {"url": url, "authority": str(authority.certificate), **target}}


class Scene:
    def __init__(self, scratch, authority, client):
        self.newest = Origin(authority)
        self.older = Origin(authority, (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2))
        self.front = contextlib.ExitStack()
        nginx_port = self.front.enter_context(nginx(authority.folder, authority))
        front = f"https://127.0.0.1:{nginx_port}"
        rsa = authority.issue("rsa-client", algorithm=("rsa:2048",))
        stranger = Authority(authority.folder, "another").issue("stranger")
        # A pair that the test changes while the gateway runs.
        self.renewed = tuple(authority.folder / f"renewed.{end}" for end in ("crt", "key"))
        self.put(client)
        self.gateway = harness.Gateway(scratch, [
            connection("plain", self.newest.url, authority, shown(client)),
            connection("older", self.older.url, authority, shown(client)),
            connection("both", self.newest.url, authority, shown(client, bearer="target-secret")),
            connection("rsa", self.newest.url, authority, shown(rsa)),
            connection("environment", self.newest.url, authority,
                       {"certificate": {"env": "CLIENT_CERTIFICATE"}, "key": {"env": "CLIENT_KEY"}}),
            connection("path", self.newest.url, authority, {"certificate": str(client[0]), "key": str(client[1])}),
            connection("none", self.newest.url, authority, {"bearer": "target-secret"}),
            connection("stranger", self.newest.url, authority, shown(stranger)),
            connection("renewed", self.newest.url, authority, shown(self.renewed)),
            connection("web", front, authority, shown(client, bearer="target-secret")),
            connection("web2", front, authority, shown(client, bearer="target-secret"), version=2),
            connection("web2none", front, authority, {"bearer": "target-secret"}, version=2),
            connection("web2stranger", front, authority, shown(stranger), version=2),
        ], name="mtls")
        self.gateway.start(env={"CLIENT_CERTIFICATE": client[0].read_text(), "CLIENT_KEY": client[1].read_text()})

    def put(self, pair):
        for path, source in zip(self.renewed, pair):
            # In one step, as a certificate manager does it.
            fresh = path.with_suffix(".new")
            fresh.write_bytes(source if isinstance(source, bytes) else source.read_bytes())
            fresh.chmod(0o600)
            harness.give_away(fresh)
            os.replace(fresh, path)

    def ask(self, name, *arguments, path="/x"):
        done = run("curl", "-sS", "-m", "20", "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {self.gateway.token()}",
                   *arguments, f"http://127.0.0.1:{self.gateway.http_port}/{name}{path}").check()
        body, _, status = done.text.rpartition("\n")
        return int(status), body

    def stop(self):
        self.gateway.stop()
        self.newest.stop()
        self.older.stop()
        self.front.close()


@pytest.fixture(scope="module")
def scene(scratch, authority, client):
    scene = Scene(scratch, authority, client)
    yield scene
    scene.stop()


def test_the_origin_refuses_clients_without_a_certificate(scene, authority, client):
    """Without this the rest would show nothing."""
    assert run("curl", "-s", "--cacert", authority.certificate, scene.newest.url).code != 0
    done = run("curl", "-sS", "--cacert", authority.certificate, "--cert", client[0], "--key", client[1], scene.newest.url)
    assert json.loads(done.check().text)["client"] == CLIENT


@pytest.mark.parametrize("name,common", [
    ("plain", CLIENT), ("older", CLIENT), ("rsa", "rsa-client"), ("environment", CLIENT), ("path", CLIENT)])
def test_the_target_sees_the_gateways_certificate(scene, name, common):
    status, body = scene.ask(name)
    assert status == 200 and json.loads(body) == {**json.loads(body), "client": common, "authorization": None}


def test_beside_another_credential(scene):
    status, body = scene.ask("both")
    assert status == 200 and json.loads(body)["client"] == CLIENT
    assert json.loads(body)["authorization"] == "Bearer target-secret"


@pytest.mark.parametrize("name,version", [("web", "HTTP/1.1"), ("web2", "HTTP/2.0")])
@pytest.mark.parametrize("spoken", ["--http1.1", "--http2-prior-knowledge"])
def test_nginx_in_both_versions(scene, name, version, spoken):
    assert scene.ask(name, spoken) == (200, f"CN={CLIENT} over {version}, Bearer target-secret\n")


@pytest.mark.parametrize("name,why", [("none", "CERTIFICATE_REQUIRED"), ("stranger", "UNKNOWN_CA")])
def test_a_target_that_refuses_it_is_unreachable(scene, name, why):
    status, body = scene.ask(name)
    assert status == 502, body
    harness.wait_for(
        lambda: any(f'TLS to a target failed connection="{name}"' in line and why in line
                    for line in scene.gateway.log_text().splitlines()), 5, "the reason in the log")
    assert scene.ask("plain")[0] == 200


@pytest.mark.parametrize("name", ["web2none", "web2stranger"])
def test_so_is_one_of_http_2(scene, name):
    # nginx says it in an answer of its own.
    status, body = scene.ask(name)
    assert status in (400, 502) and CLIENT not in body, body
    assert scene.ask("web2")[0] == 200


def serial(body):
    return json.loads(body)["serial"]


def test_a_renewed_certificate_is_taken_without_a_restart(scene, authority, client):
    first = scene.ask("renewed")
    assert first[0] == 200
    again = authority.issue("renewed-client")
    scene.put(again)
    second = scene.ask("renewed")
    assert second[0] == 200 and json.loads(second[1])["client"] == "renewed-client"
    assert serial(first[1]) != serial(second[1])
    # Half a change: the key of one and the certificate of another.
    scene.put((client[0], again[1]))
    status, body = scene.ask("renewed")
    assert status == 502 and "no credential" in body
    assert "is not the one of the client certificate" in scene.gateway.log_text()
    expired(client[1], scene.renewed[0].with_suffix(".over"))
    scene.put((scene.renewed[0].with_suffix(".over"), client[1]))
    assert scene.ask("renewed")[0] == 502 and "has expired on" in scene.gateway.log_text()
    for path in scene.renewed:
        path.unlink()
    status, body = scene.ask("renewed")
    assert status == 502 and "does not exist" not in body
    assert "does not exist" in scene.gateway.log_text()
    scene.put(client)
    assert scene.ask("renewed")[0] == 200


def test_the_key_is_nowhere(scene, client):
    scene.ask("plain")
    everything = scene.gateway.log_text() + json.dumps(scene.gateway.export())
    lines = [line for line in client[1].read_text().splitlines() if line and "-----" not in line]
    assert lines and not any(line in everything for line in lines)
    marker = lines[0].encode()
    for path in (scene.gateway.folder / "data").rglob("*"):
        if path.is_file():
            assert marker not in path.read_bytes(), path
    assert record.find(scene.gateway.export(), "/x")


def test_postgresql_too(scratch, authority):
    cluster = harness.Cluster(scratch, "pg-mtls", harness.PG15_BIN).start()
    try:
        cluster.stop()
        with open(cluster.data / "postgresql.conf", "a") as conf:
            conf.write(f"ssl_ca_file = '{authority.certificate}'\n")
        rules = cluster.data / "pg_hba.conf"
        rules.write_text("hostssl all certified 127.0.0.1/32 cert\n" + rules.read_text())
        cluster.launch()
        cluster.sql("CREATE ROLE certified LOGIN", database="postgres")
        pair = authority.issue("certified")
        target = {"host": "127.0.0.1", "port": cluster.port, "database": "shop", "tls": "verify-full",
                  "authority": str(cluster.certificate)}
        gateway = harness.Gateway(scratch, [
            {"name": "shown", "kind": "postgres", "access": {"groups": ["agents"]}, "target": target,
             "credential": {"username": "certified", **shown(pair)}},
            {"name": "bare", "kind": "postgres", "access": {"groups": ["agents"]}, "target": target,
             "credential": {"username": "certified"}}], name="pgmtls").start()
        try:
            done = gateway.endpoint("shown").psql("-Atc", "select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()")
            assert done.check().text.strip() == "certified|t"
            assert gateway.endpoint("bare").psql("-Atc", "select 1").code != 0
        finally:
            gateway.stop()
    finally:
        cluster.stop()


# --- mistakes

def bad(authority, client):
    """(what is wrong, credential, words that the message must hold)"""
    folder = authority.folder
    other = authority.issue("other")
    locked = folder / "locked.key"
    run("openssl", "pkey", "-in", client[1], "-aes256", "-passout", "pass:x", "-out", locked).check()
    hidden = folder / "hidden.key"
    hidden.write_bytes(client[1].read_bytes())
    hidden.chmod(0o000)
    harness.give_away(locked)
    (folder / "empty.crt").touch()
    return {
        "missing certificate": (shown((folder / "nowhere.crt", client[1])), ["certificate", "nowhere.crt does not exist"]),
        "missing key": (shown((client[0], folder / "nowhere.key")), ["key", "nowhere.key does not exist"]),
        "no key": ({"certificate": {"file": str(client[0])}}, ["`key` is missing", "client.key"]),
        "no certificate": ({"key": {"file": str(client[1])}}, ["a key belongs to a certificate"]),
        "another's key": (shown((client[0], other[1])), [".key", "is not the one of the client certificate"]),
        "empty": (shown((folder / "empty.crt", client[1])), ["empty.crt is empty"]),
        "a key for a certificate": (shown((client[1], client[1])), [".certificate", "holds no certificate"]),
        "a certificate for a key": (shown((client[0], client[0])), [".key", "holds no private key"]),
        "an encrypted key": (shown((client[0], locked)), [".key", "is encrypted"]),
        "a key that cannot be read": (shown((client[0], hidden)), ["hidden.key cannot be read"]),
        "no such variable": ({"certificate": {"env": "NOT_SET_HERE"}, "key": str(client[1])}, ["NOT_SET_HERE is not set"]),
    }


NAMES = ["missing certificate", "missing key", "no key", "no certificate", "another's key", "empty",
         "a key for a certificate", "a certificate for a key", "an encrypted key", "a key that cannot be read",
         "no such variable"]


@pytest.fixture(scope="module")
def mistakes(authority, client):
    made = bad(authority, client)
    assert sorted(made) == sorted(NAMES)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_mistakes_say_where_and_what_to_do(scratch, authority, mistakes, client, name):
    credential, words = mistakes[name]
    gateway = harness.Gateway(scratch, [connection("bad", "https://127.0.0.1:1", authority, credential)], name="bad")
    done = run(harness.unprivileged_binary(scratch), "serve", "--config", gateway.config, timeout=20,
               cwd=gateway.folder, **harness.as_unprivileged())
    text = done.error_text + done.text
    assert done.code == 2, (done.code, text)
    for word in [*words, "connections[0].credential", gateway.config.name + ":"]:
        assert word in text, (word, text)
    key = [line for line in client[1].read_text().splitlines() if "-----" not in line][0]
    assert key not in text


def test_an_expired_certificate_and_a_clear_text_target_are_refused(scratch, authority):
    certificate, key = authority.issue("expired")
    expired(key, certificate)
    for url, words in (("https://127.0.0.1:1", "has expired on"), ("http://127.0.0.1:1", "over TLS only")):
        made = {"name": "bad", "kind": "http", "access": {"groups": ["agents"]}, "target": {"url": url},
                "credential": shown((certificate, key))}
        gateway = harness.Gateway(scratch, [made], name="bad")
        done = run(harness.unprivileged_binary(scratch), "serve", "--config", gateway.config, timeout=20,
                   cwd=gateway.folder, **harness.as_unprivileged())
        assert done.code == 2 and words in done.error_text, done.error_text


def test_a_key_for_all_to_read_is_warned_about(scratch, authority):
    certificate, key = authority.issue("open")
    key.chmod(0o644)
    gateway = harness.Gateway(scratch, [
        connection("open", "https://127.0.0.1:1", authority, shown((certificate, key)))], name="readable").start()
    try:
        assert "every user of this machine may read the key" in gateway.log_text()
    finally:
        gateway.stop()
