"""Detectors through the real gateway: names, groups, patterns of the file's own, large values that pass in pieces."""

import json

import psycopg
import pytest

import harness

OWN = [{"name": "employee_id", "pattern": "EMP-[0-9]{6}"}]
MASKS = [{"detect": ["secret", "api_key", "national_id", "ip_address", "personal", "employee_id"], "with": "redact"}]
# Put together here, so that this file holds nothing that looks like a credential.
TOKEN = "gh" + "p_" + "a1B2" * 9
ARMOUR = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIEvQIBADAN\n" * 20 + "-----END RSA " + "PRIVATE KEY-----"
VALUES = ["ann@example.com", "4111 1111 1111 1111", "DE89370400440532013000", "192.0.2.17", "2001:db8::8a2e:370:7334", TOKEN,
          ARMOUR, "EMP-123456", "111.444.777-35", "+44 20 7946 0958"]


@pytest.fixture(scope="module")
def gateway(shop15, scratch):
    made = harness.Gateway(
        scratch, [harness.connection("notes", shop15, mask=MASKS, limits={"row": "1MiB"})], name="detectors",
        detectors=OWN).start()
    yield made
    made.stop()


def test_the_command_lists_all(scratch):
    done = harness.run(harness.unprivileged_binary(scratch), "detectors", "--json").check()
    listed = json.loads(done.out)
    assert len(listed) >= 50 and {"email", "jwt", "github_token", "br_cpf"} <= {one["name"] for one in listed}
    assert all(one["finds"] and one["example"] for one in listed)
    assert b"credit_card" in harness.run(harness.unprivileged_binary(scratch), "detectors").check().out


def test_values_are_hidden_wherever_they_stand(gateway):
    with psycopg.connect(gateway.endpoint("notes").dsn, autocommit=True) as c:
        for value in VALUES:
            for binary in (False, True):
                cursor = c.cursor(binary=binary)
                shown = cursor.execute("SELECT 'note: ' || %s || ' and more'", [value]).fetchone()[0]
                assert shown.startswith("note: ") and shown.endswith(" and more") and value not in shown, value
            with c.cursor().copy("COPY (SELECT 'x ' || $$" + value + "$$::text) TO STDOUT") as out:
                text = b"".join(bytes(piece) for piece in out).decode()
            assert value.split("\n")[-1] not in text, value


def test_values_of_large_rows_are_hidden_as_they_pass(gateway):
    with psycopg.connect(gateway.endpoint("notes").dsn, autocommit=True) as c:
        for value in VALUES:
            shown = c.execute("SELECT repeat('plain words ', 200000) || %s || repeat(' tail', 200000)", [value]).fetchone()[0]
            assert value not in shown and value[len(value) // 2:] not in shown, value
            # Overwritten where it stood: the length was told first.
            assert len(shown) == 2_400_000 + len(value) + 1_000_000
            assert shown.startswith("plain words ") and shown.endswith(" tail")


def test_a_column_that_has_the_keyword_in_its_name(gateway):
    with psycopg.connect(gateway.endpoint("notes").dsn, autocommit=True) as c:
        assert c.execute("SELECT '111222333'::text AS bsn").fetchone()[0] == "***"
        assert c.execute("SELECT '111222333'::text AS remark").fetchone()[0] == "111222333"
