"""A disk that fills up under the real gateway: a small tmpfs in a mount namespace of this process alone, so root is needed."""

import ctypes
import os
import subprocess

import pytest

import harness
import wire

MIB = 1 << 20
CLONE_NEWNS = 0x20000

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@pytest.fixture
def small_disk(shop15, scratch):
    """A gateway whose data folder is a file system of its own."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        pytest.skip("no mount namespace here")
    harness.run("mount", "--make-rprivate", "/").check()
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="disk")
    data = gateway.folder / "data"
    data.mkdir(mode=0o700)
    harness.run("mount", "-t", "tmpfs", "-o", "size=700m,mode=0700", "tmpfs", data).check()
    harness.give_away(data)
    try:
        yield gateway
    finally:
        gateway.stop()
        subprocess.run(["umount", "-l", str(data)], check=False)


def fill(data, leave):
    """Leaves so many bytes free; 0 takes what others would get as well."""
    while True:
        info = os.statvfs(data)
        room = info.f_bavail * info.f_frsize - leave
        if room < 4096:
            return
        with open(data / "filler", "ab") as file:
            while room >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), file.tell(), room)
                    break
                except OSError:  # all or nothing, and the gateway took some meanwhile
                    room //= 2
            else:
                return


def refuses(gateway):
    try:
        wire.Wire(gateway.endpoint("orders", "late", tls=False)).open().rows("SELECT 1")
    except (wire.Gone, AssertionError, OSError):
        return True
    return False


def readiness(gateway):
    return gateway.http("/readyz")


def test_a_full_disk_ends_sessions_properly_and_recovers(small_disk, scratch):
    gateway = small_disk.start()
    data = gateway.folder / "data"
    assert (data / "reserve").stat().st_blocks * 512 >= 96 * MIB
    session = wire.Wire(gateway.endpoint("orders", "ada", tls=False)).open()
    session.rows("SELECT 1")

    # Low: no new session, this one goes on.
    fill(data, 200 * MIB)
    harness.wait_for(lambda: readiness(gateway)[0] == 503, 10, "not ready")
    assert "MiB are free" in readiness(gateway)[1]
    assert refuses(gateway)
    session.rows("SELECT 2")
    harness.wait_for(lambda: [e for e in gateway.export() if e["type"] == "admin.disk_low"], 10, "an entry")

    # Full: it is ended, and closed in the record, not interrupted.
    (data / "filler").unlink()
    fill(data, 0)
    harness.wait_for(lambda: ended(session), 10, "the session is ended")
    found = harness.wait_for(
        lambda: [s for s in gateway.api("/sessions?principal=ada")["items"] if s["state"] != "open"], 10, "it is closed",
        despite=harness.Failure)
    assert found[0]["state"] == "closed" and found[0]["commands"] >= 2
    assert gateway.alive() and readiness(gateway)[0] == 503
    # Reading, searching and verifying go on.
    assert gateway.api("/search?q=SELECT")["items"]
    gateway.cli("replay", found[0]["id"]).check()
    gateway.cli("audit", "verify").check()

    # So they do after a restart on the full disk; what it set aside is enough for that.
    gateway.stop()
    with pytest.raises(harness.Failure):
        gateway.start(ready=3)
    assert gateway.alive(), gateway.log_text()[-2000:]
    assert gateway.http("/healthz")[0] == 200 and readiness(gateway)[0] == 503
    assert gateway.api("/sessions?principal=ada")["items"]

    # With room again it goes on by itself.
    (data / "filler").unlink()
    harness.wait_for(gateway.is_ready, 15, "ready again")
    again = wire.Wire(gateway.endpoint("orders", "bob", tls=False)).open()
    again.rows("SELECT 3")
    assert (data / "reserve").exists()
    types = [e["type"] for e in gateway.export()]
    assert "admin.disk_recovered" in types and "session.close" in types
    gateway.stop()
    gateway.cli("audit", "verify").check()


def ended(session):
    try:
        session.rows("SELECT 1")
    except (wire.Gone, AssertionError, OSError) as error:
        return str(error) or True
    return False


def test_whoever_has_the_folder_is_named(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="busy").start()
    try:
        done = gateway.cli("audit", "reindex")
        assert done.code == 1 and f"process {gateway.pid}" in done.error_text and "stop it first" in done.error_text
        other = harness.run(harness.unprivileged_binary(scratch), "serve", "--config", gateway.config, cwd=gateway.folder,
                            **harness.as_unprivileged())
        assert other.code == 1 and f"process {gateway.pid}" in other.error_text
    finally:
        gateway.stop()
