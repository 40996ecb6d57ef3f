"""Who gets in: tokens of the embedded issuer and of an OpenID issuer, good and bad, and what a refusal tells."""

import base64
import json
import random
import struct
import time

import jwt
import pytest

import harness
import issuer as oidc
import wire
from harness import wait_for


@pytest.fixture(scope="module")
def issuer():
    made = oidc.Issuer()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(shop15, scratch, issuer):
    made = harness.Gateway(scratch, [
        harness.connection("orders", shop15),
        harness.connection("hidden", shop15, groups=["nobody-has-this"]),
        harness.connection("people", shop15, databases=["shop", "postgres"]),
    ], name="identity", identity={"local": True, "issuers": [
        {"url": issuer.url, "audience": ["sallyport"], "claims": {"groups": "groups"}, "people": True}]}).start()
    yield made
    made.stop()


def attempt(gateway, token, connection="orders", **options):
    """The last message of a sign-in with this token: ('Z', None) or ('E', fields)."""
    at = gateway.endpoint(connection, token=token)
    with wire.Wire(at) as w:
        kind, body = w.sign_in(**options)[-1]
        return kind, wire.fields(body) if kind == "E" else None


def test_embedded_issuer_token_gets_in(gateway):
    assert attempt(gateway, gateway.token())[0] == "Z"


def test_oidc_tokens_get_in(gateway, issuer):
    assert attempt(gateway, issuer.token())[0] == "Z"
    assert attempt(gateway, issuer.token(aud=["other", "sallyport"]))[0] == "Z"


def test_new_key_is_fetched(gateway, issuer):
    fresh = oidc.Key("second", "ES256")
    issuer.keys.append(fresh)
    assert attempt(gateway, issuer.token(fresh))[0] == "Z"


def test_small_clock_difference_is_allowed(gateway, issuer):
    now = int(time.time())
    assert attempt(gateway, issuer.token(exp=now - 20))[0] == "Z"
    assert attempt(gateway, issuer.token(iat=now + 20, nbf=now + 20))[0] == "Z"


def test_8_kb_token_gets_in(gateway, issuer):
    long = issuer.token(groups=["agents"] + [f"group-{n:04}" for n in range(700)])
    assert len(long) > 8192
    assert attempt(gateway, long)[0] == "Z"
    at = gateway.endpoint("orders", token=long)
    assert at.psql("-At", "-c", "SELECT 1").check().out == b"1\n"


def _bad_tokens(issuer):
    now = int(time.time())
    good = issuer.token()
    head, body, signature = good.split(".")
    stranger = oidc.Key("first")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    embedded = stranger.public
    return {
        "empty": "",
        "no token at all": "password",
        "two parts": head + "." + body,
        "expired": issuer.token(exp=now - 3600, iat=now - 7200, nbf=now - 7200),
        "not yet valid": issuer.token(nbf=now + 3600),
        "no expiry": issuer.token(without=["exp"]),
        "other audience": issuer.token(aud="grafana"),
        "no audience": issuer.token(without=["aud"]),
        "other issuer": issuer.token(iss="https://elsewhere.example.com"),
        "no subject": issuer.token(without=["sub"]),
        "algorithm none": f"{none}.{body}.",
        "symmetric with the public key": _hs256(issuer),
        "stranger's key, our id": issuer.token(stranger),
        "embedded key": issuer.token(stranger, headers={"jwk": embedded}),
        "key by address": issuer.token(stranger, headers={"jku": "http://127.0.0.1:1/keys"}),
        "changed body": f"{head}.{_changed(body)}.{signature}",
        "changed signature": good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBB"),
        "padded": good + "==",
        "standard base64": good.replace("-", "+").replace("_", "/") + "+",
        "line break": good[:50] + "\n" + good[50:],
        "huge": "x" * 200_000,
        "deep": f"{head}.{base64.urlsafe_b64encode(b'[' * 20000).decode().rstrip('=')}.{signature}",
    }


def _hs256(issuer):
    import hashlib
    import hmac
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "first"}).encode()).rstrip(b"=")
    body = issuer.token().split(".")[1].encode()
    mac = hmac.new(issuer.keys[0].public_pem, head + b"." + body, hashlib.sha256).digest()
    return (head + b"." + body + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def _changed(body):
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["groups"] = ["agents", "platform"]
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()


def test_bad_tokens_are_refused_alike_and_recorded_without_the_token(gateway, issuer):
    bad = _bad_tokens(issuer)
    before = len([e for e in gateway.export() if e["type"] == "signin.refused"])
    seen = {}
    for name, token in bad.items():
        try:
            kind, error = attempt(gateway, token)
        except (wire.Gone, OSError):
            continue  # cutting an absurd password off is a refusal too
        assert kind == "E", name
        seen[name] = (error["C"], error["M"])
        assert error["C"] in ("28P01", "28000", "08P01"), (name, error)
        if len(token) > 20:
            assert token[:20] not in str(error) and token.split(".")[-1] not in str(error) or not token.split(".")[-1]
    entries = gateway.export()
    text = json.dumps(entries)
    assert len([e for e in entries if e["type"] == "signin.refused"]) > before
    for name, token in bad.items():
        for part in token.split("."):
            if len(part) > 40:
                assert part[:40] not in text, f"{name}: part of a token in the record"
    assert not any(t.split(".")[-1] in gateway.log_text() for t in bad.values() if len(t.split(".")[-1]) > 40)


def test_approval_audience_does_not_open_sessions(gateway):
    assert attempt(gateway, gateway.token("agent-1", ("agents",), "--audience", "sallyport:approve"))[0] == "E"


def test_expired_embedded_token(gateway):
    token = gateway.token("brief", ("agents",), "--ttl", "1s")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] <= 2
    # 60 s of clock difference are allowed, so an expiry further back is made with an issuer of our own above.


def test_unknown_and_not_allowed_connection_are_told_alike(gateway):
    answers = {}
    for name in ("hidden", "does-not-exist", "Orders", "orders ", "or\u00e9"):
        kind, error = attempt(gateway, gateway.token(), name)
        assert kind == "E"
        answers[name] = {k: v.replace(name, "NAME") for k, v in error.items() if k not in "FLR"}
    assert len({json.dumps(a, sort_keys=True) for a in answers.values()}) == 1, answers


def test_unknown_and_not_allowed_take_the_same_time(gateway):
    """Both in turns, in random order: how often one takes longer than the other must be near one half.

    The chance is the Mann-Whitney statistic; for two samples of 300 out of one distribution it strays from 0.5 by 0.024
    (one standard deviation), whatever the machine's noise is like.
    """
    token, count = gateway.token(), 300
    at = {name: gateway.endpoint(name, token=token, tls=False) for name in ("hidden", "does-not-exist", "orders")}

    def once(name, password=None):
        with wire.Wire(at[name]) as w:
            w.send(wire.startup({"user": name, "database": "shop"}))
            w.until("R")
            started = time.perf_counter()
            w.send(wire.message("p", wire.cstring(password or token)))
            kind, _ = w.receive()
            assert kind == "E"
            return time.perf_counter() - started

    for name in ("hidden", "does-not-exist"):
        once(name)
    order = ["hidden", "does-not-exist", "bad token"] * count
    random.Random(20261121).shuffle(order)
    times = {"hidden": [], "does-not-exist": [], "bad token": []}
    for name in order:
        times[name].append(once("orders", "x.y.z") if name == "bad token" else once(name))
    chance = longer(times["hidden"], times["does-not-exist"])
    control = longer(times["hidden"], times["bad token"])
    print("\nrefusal times, median: " + ", ".join(
        f"{name} {sorted(values)[count // 2] * 1e6:.0f} us" for name, values in times.items())
        + f"; chance that not allowed takes longer than unknown {chance:.3f}, than a malformed token {control:.3f}")
    assert 0.4 < chance < 0.6, (chance, control)


def longer(one, other):
    """The chance that a value of `one` is greater than a value of `other`; ties count half."""
    return sum((a > b) + 0.5 * (a == b) for a in one for b in other) / (len(one) * len(other))


def test_databases(gateway):
    assert attempt(gateway, gateway.token(), "orders", database="shop")[0] == "Z"
    assert attempt(gateway, gateway.token(), "orders", database="postgres")[0] == "E"
    assert attempt(gateway, gateway.token(), "people", database="postgres")[0] == "Z"
    at = gateway.endpoint("orders")
    with wire.Wire(at) as w:  # no database at all: the connection's own
        w.send(wire.startup({"user": "orders"}))
        w.until("R")
        w.send(wire.message("p", wire.cstring(at.password)))
        w.until("Z")
        assert w.rows("SELECT current_database()") == [[b"shop"]]


def test_replication_is_refused(gateway):
    for value in ("true", "database", "1", "on"):
        kind, error = attempt(gateway, gateway.token(), "orders", replication=value)
        assert kind == "E" and "replication" in error["M"].lower(), error


@pytest.mark.parametrize("options", [
    {"session_authorization": "boss"}, {"role": "boss"}, {"options": "-c role=boss"}, {"options": "-crole=boss"},
    {"options": "--role=boss"}, {"options": "-c session_authorization=boss"},
    {"options": "-c standard_conforming_strings=off"}, {"standard_conforming_strings": "off"},
    {"options": "-c search_path=evil\\ ,public -c role=boss"}, {"client_encoding": "SJIS"},
], ids=str)
def test_start_up_options_cannot_change_role_or_reading(gateway, options):
    at = gateway.endpoint("orders")
    with wire.Wire(at) as w:
        kind, _ = w.sign_in(**options)[-1]
        if kind == "E":
            return
        assert w.rows("SELECT current_user, session_user") == [[b"scram_user", b"scram_user"]]
        assert w.rows("SHOW standard_conforming_strings") == [[b"on"]]
        assert w.rows("SHOW client_encoding") == [[b"UTF8"]]


def test_bytes_before_tls_are_fatal(gateway):
    """CVE-2021-23214: nothing sent in clear before the handshake may count as sent inside it."""
    import socket
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as channel:
        channel.sendall(wire.SSL_REQUEST + wire.startup({"user": "orders", "database": "shop"}))
        got = b""
        channel.settimeout(10)
        try:
            while more := channel.recv(4096):
                got += more
                assert len(got) < 1000
        except ConnectionResetError:
            pass
        assert got in (b"", b"S") or got[:1] == b"E"


def test_gss_is_answered_and_second_requests_refused(gateway):
    import socket
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as channel:
        channel.sendall(wire.GSS_REQUEST)
        assert channel.recv(1) == b"N"
        channel.sendall(wire.SSL_REQUEST)
        assert channel.recv(1) == b"S"


def test_tls_versions(gateway):
    import ssl
    for version, allowed in ((ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        context = ssl.create_default_context(cafile=str(gateway.certificate))
        context.minimum_version = context.maximum_version = version
        at = gateway.endpoint("orders")
        import socket
        with socket.create_connection((at.host, at.port), 10) as channel:
            channel.sendall(wire.SSL_REQUEST)
            assert channel.recv(1) == b"S"
            with context.wrap_socket(channel, server_hostname=at.host) as inside:
                assert inside.version() is not None and allowed


def test_loopback_may_go_without_tls(gateway):
    assert gateway.endpoint("orders", tls=False).psql("-At", "-c", "SELECT 1").check().out == b"1\n"


def test_no_tls_off_loopback(shop15, scratch):
    """A token in clear never crosses a network: from another address the password is not even asked for."""
    address = own_address()
    if address is None:
        pytest.fail("this machine has no address but loopback: cannot show the refusal")
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="outside")
    gateway.settings["listen"]["postgres"] = f"0.0.0.0:{gateway.port}"
    gateway.config.write_text(harness.to_yaml(gateway.settings))
    gateway.start()
    try:
        at = gateway.endpoint("orders", tls=False).but(host=address)
        with wire.Wire(at) as w:
            w.send(wire.startup({"user": "orders", "database": "shop"}))
            kind, body = w.receive()
            assert kind == "E" and "TLS" in wire.fields(body)["M"].upper().replace("SSL", "TLS"), (kind, body)
    finally:
        gateway.stop()


def own_address():
    done = harness.run("hostname", "-I")
    for address in done.text.split():
        if "." in address and not address.startswith("127."):
            return address
    return None


@pytest.mark.parametrize("role", ["trust_user", "password_user", "md5_user", "scram_user"])
@pytest.mark.parametrize("tls", ["disable", "prefer", "require"])
def test_target_authentication(shop15, shop18, scratch, role, tls):
    """Every way a PostgreSQL asks for a password, without and with TLS (scram in TLS binds the channel)."""
    gateway = harness.Gateway(scratch, [harness.connection(name, cluster, role=role, tls=tls)
                                        for name, cluster in (("pg15", shop15), ("pg18", shop18))], name="auth").start()
    try:
        for name in ("pg15", "pg18"):
            sql = "SELECT current_user, (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())"
            out = gateway.endpoint(name).psql("-At", "-c", sql).check().text.strip()
            assert out == f"{role}|{'f' if tls == 'disable' else 't'}"
    finally:
        gateway.stop()


def test_target_verify_full_refuses_an_unknown_certificate(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("strict", shop15, tls="verify-full")], name="verify").start()
    try:
        done = gateway.endpoint("strict").psql("-c", "SELECT 1")
        assert done.code == 2 and "scram_user-secret" not in done.error_text + gateway.log_text()
    finally:
        gateway.stop()


def test_wrong_target_password_is_not_shown(shop15, scratch):
    bad = harness.connection("wrong", shop15)
    bad["credential"]["password"] = "not-the-password-77"
    gateway = harness.Gateway(scratch, [bad], name="wrong").start()
    try:
        done = gateway.endpoint("wrong").psql("-c", "SELECT 1")
        assert done.code == 2
        text = done.error_text + gateway.log_text() + json.dumps(gateway.export())
        assert "not-the-password-77" not in text and gateway.endpoint("wrong").password not in text
    finally:
        gateway.stop()
