"""Tokens that their issuer takes back (RFC 7662), over TLS with an authority of the issuer's own."""

import time

import pytest

import harness
import issuer as oidc
import wire
from harness import wait_for


@pytest.fixture(scope="module")
def issuer(scratch):
    folder = scratch.folder("issuer")
    made = oidc.Issuer(harness.make_certificate(folder, "idp"))
    made.authority = folder / "idp.crt"
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(shop15, scratch, issuer):
    secret = issuer.authority.parent / "secret"
    secret.write_text("s3cret:&")
    made = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="introspection", identity={
        "local": True, "issuers": [{
            "url": issuer.url, "people": True, "ca": str(issuer.authority), "introspection": {
                "client_id": "gate way", "client_secret": {"file": str(secret)},
                "every": "1s", "grace": "3s"}}]}).start()
    yield made
    made.stop()


def open_session(gateway, token):
    return wire.Wire(gateway.endpoint("orders", token=token)).open()


def test_issuer_is_asked_as_the_gateways_client(gateway, issuer):
    with open_session(gateway, issuer.token(sub="asked")) as w:
        assert w.rows("SELECT 1")
    assert set(issuer.clients) == {"gate%20way:s3cret%3A%26"}


def test_revoked_token_ends_its_session_within_5_s(gateway, issuer):
    token, other = issuer.token(sub="revoked"), issuer.token(sub="stays")
    with open_session(gateway, token) as w, open_session(gateway, other) as stays:
        assert w.rows("SELECT 1")
        issuer.revoked.add(token)
        w.socket.settimeout(5)
        started = time.monotonic()
        found = wire.errors(w.at_end())
        assert time.monotonic() - started < 5
        assert found and "token does not hold any more" in found[0]["M"]
        assert stays.rows("SELECT 1")
    with wire.Wire(gateway.endpoint("orders", token=token)) as w:
        kind, body = w.sign_in()[-1]
        assert kind == "E" and "does not hold any more" in wire.fields(body)["M"]
    assert gateway.http("/api/v1/sessions", token=token)[0] == 401
    entries = gateway.export()
    refused = [e for e in entries if e["type"] == "signin.refused" and e["reason"] == "token.revoked"]
    assert len(refused) == 2 and all(e["content"][0]["text"].endswith("subject revoked") for e in refused)
    assert token not in str(entries)


def test_silent_issuer_ends_sessions_after_the_grace_and_admits_none(gateway, issuer):
    with open_session(gateway, issuer.token(sub="patient")) as w:
        issuer.is_silent = True
        try:
            with wire.Wire(gateway.endpoint("orders", token=issuer.token(sub="late"))) as late:
                assert late.sign_in()[-1][0] == "E"
            # Within the grace nothing changes.
            assert w.rows("SELECT 1")
            w.socket.settimeout(15)
            found = wire.errors(w.at_end())
            assert found and "cannot be asked" in found[0]["M"]
        finally:
            issuer.is_silent = False

    def admitted():
        with wire.Wire(gateway.endpoint("orders", token=issuer.token(sub="again"))) as again:
            return again.sign_in()[-1][0] == "Z"
    wait_for(admitted, 10, "sign-in once the issuer answers")
