"""The order of system calls of the real binary: nothing is forwarded, and no answer completed, before it is on disk."""

import os
import re
import signal

import pytest

import harness
import trace
import wire

CALLS = ("read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,pwritev2,fdatasync,fsync,"
         "sync_file_range,io_uring_enter")
READS = {"read", "readv", "recvfrom", "recvmsg"}
SENDS = {"write", "writev", "sendto", "sendmsg"}
WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2"}


def play(shop15, scratch, durability):
    """Runs marked commands through a traced gateway; returns its calls and the ports."""
    out = scratch.folder(f"trace-{durability}") / "calls"
    gateway = harness.Gateway(
        scratch, [harness.connection("orders", shop15, role="trust_user", tls="disable")], name=f"traced-{durability}",
        durability=durability,
        wrap=["strace", "-f", "-yy", "-s", "400", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", out])
    gateway.start(ready=60)
    child = int(open(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read().split()[0])
    try:
        with wire.Wire(gateway.endpoint("orders", tls=False)) as w:
            w.open()
            for n in range(20):
                w.ask(wire.query(f"SELECT 'mark-{n:02}-simple'"))
                w.ask(wire.parse(f"SELECT $1::text || 'mark-{n:02}-parse'"), wire.bind("", "", [f"mark-{n:02}-bind".encode()]),
                      wire.execute(), wire.sync())
    finally:
        os.kill(child, signal.SIGTERM)
        gateway.process.wait(30)
    return trace.read(out.read_text("utf-8", "replace")), gateway, shop15.port


def durable_between(calls, data, begin, end):
    """Whether a write below the data folder began after `begin`, and an fdatasync of the same file, begun after that
    write had returned, returned before `end`."""
    for write in calls:
        if write.name in WRITES and write.began >= begin and write.path().startswith(data):
            for sync in calls:
                if (sync.name in ("fdatasync", "fsync") and sync.path() == write.path() and sync.began > write.returned
                        and sync.returned is not None and sync.returned < end and re.search(r"\)\s+= 0", sync.arguments)):
                    return True
    return False


def first(calls, names, port, needle, after=-1, to=True):
    """The first call on a socket of `port` whose data holds `needle`. `to`: the port is the remote end."""
    for call in calls:
        if call.began > after and call.name in names and needle in call.arguments:
            path = call.path()
            local, _, remote = path.partition("->")
            if (remote if to else local).endswith(f":{port}") or f":{port}]" in (remote if to else local):
                return call
    return None


@pytest.fixture(scope="module")
def traced(shop15, scratch):
    return play(shop15, scratch, "command")


@pytest.mark.parametrize("shape,needle", [("simple", "mark-{:02}-simple"), ("parse", "mark-{:02}-parse"),
                                          ("bind", "mark-{:02}-bind")])
def test_command_is_durable_before_it_is_sent(traced, shape, needle):
    calls, gateway, target = traced
    data = gateway.settings["data"]
    checked = 0
    for n in range(20):
        mark = needle.format(n)
        got = first(calls, READS, gateway.port, mark, to=False)
        assert got is not None, f"no read of {mark} from the client"
        sent = first(calls, SENDS, target, mark, after=got.began)
        assert sent is not None, f"{mark} was never sent to the target"
        assert durable_between(calls, data, got.began, sent.began), f"{mark} was sent before it was on disk"
        checked += 1
    assert checked == 20


def test_answer_is_durable_before_its_closing_bytes(traced):
    calls, gateway, target = traced
    data = gateway.settings["data"]
    for n in range(20):
        mark = f"mark-{n:02}-simple"
        sent = first(calls, SENDS, target, mark)
        answered = first(calls, READS, target, "SELECT 1", after=sent.began)
        assert answered is not None, f"no answer to {mark}"
        closing = first(calls, SENDS, gateway.port, "SELECT 1", after=answered.began, to=False)
        assert closing is not None
        assert durable_between(calls, data, answered.began, closing.began), f"the end of {mark} went out before it was on disk"


def test_the_check_itself_can_fail(traced):
    """Without the syncs in the trace, the same check must say no."""
    calls, gateway, target = traced
    without = [c for c in calls if c.name not in ("fdatasync", "fsync")]
    sent = first(calls, SENDS, target, "mark-00-simple")
    assert not durable_between(without, gateway.settings["data"], 0, sent.began)


def test_relaxed_writes_before_it_sends(shop15, scratch):
    """`relaxed` waits for write() only: it survives the process, not the machine."""
    calls, gateway, target = play(shop15, scratch, "relaxed")
    for n in range(20):
        mark = f"mark-{n:02}-simple"
        got = first(calls, READS, gateway.port, mark, to=False)
        sent = first(calls, SENDS, target, mark, after=got.began)
        assert any(c.name in WRITES and c.path().startswith(gateway.settings["data"]) and got.began < c.began
                   and c.returned is not None and c.returned < sent.began for c in calls), mark
