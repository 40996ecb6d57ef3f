"""Clusters, relay and gateway shared by the suites; `--through` chooses how the client matrix reaches the servers."""

import pathlib

import pytest

import harness


def pytest_addoption(parser):
    parser.addoption("--through", default="direct,gateway",
                     help="comma-separated ways for the client matrix: direct, relay, gateway")


def pytest_generate_tests(metafunc):
    if "server" in metafunc.fixturenames:
        ways = metafunc.config.getoption("--through").split(",")
        servers = ["pg15"] if metafunc.definition.get_closest_marker("pg15_only") else ["pg15", "pg18"]
        if metafunc.definition.get_closest_marker("compares"):
            ways = [way for way in ways if way != "direct"] or ["direct"]
        metafunc.parametrize("server", [(s, w) for s in servers for w in ways],
                             ids=lambda value: "-".join(value), indirect=True)


def pytest_configure(config):
    config.addinivalue_line("markers", "pg15_only: needs one server version only")
    config.addinivalue_line("markers", "compares: compares a direct run with a run through each other way")


@pytest.fixture(scope="session")
def scratch():
    folder = harness.Scratch()
    yield folder
    folder.remove()


def _running(server):
    yield server
    server.stop()


@pytest.fixture(scope="session")
def pg15(scratch):
    yield from _running(harness.postgres15(scratch))


@pytest.fixture(scope="session")
def pg18(scratch):
    yield from _running(harness.postgres18(scratch))


@pytest.fixture(scope="session")
def shop15(pg15):
    """PostgreSQL 15 with the tests' data in it."""
    return _fill(pg15)


@pytest.fixture(scope="session")
def shop18(pg18):
    return _fill(pg18)


def _fill(cluster):
    cluster.sql((harness.ROOT / "Tests/Integration/shop.sql").read_text())
    return cluster


@pytest.fixture(scope="session")
def relays(shop15, shop18, scratch):
    made = {name: harness.Relay(scratch, c.port, f"relay-{name}").start()
            for name, c in (("pg15", shop15), ("pg18", shop18))}
    yield made
    for relay in made.values():
        relay.stop()


@pytest.fixture(scope="session")
def open_gateway(shop15, shop18, scratch):
    """A gateway whose connections have neither guard nor mask: `pg15` and `pg18`."""
    gateway = harness.Gateway(scratch, [
        harness.connection("pg15", shop15, databases=["shop", "restored"]),
        harness.connection("pg18", shop18, databases=["shop", "restored"]),
    ], name="open").start()
    yield gateway
    gateway.stop()


class Reached:
    """One server and one way to it."""

    def __init__(self, cluster, endpoint, way):
        self.cluster, self.endpoint, self.way = cluster, endpoint, way
        self.direct = cluster.as_role("password_user")


@pytest.fixture
def server(request, shop15, shop18):
    name, way = request.param
    cluster = shop15 if name == "pg15" else shop18
    if way == "direct":
        endpoint = cluster.as_role("password_user")
    elif way == "relay":
        port = request.getfixturevalue("relays")[name].port
        endpoint = cluster.as_role("password_user").but(port=port, via="relay")
    elif way == "gateway":
        endpoint = request.getfixturevalue("open_gateway").endpoint(name).but(
            bin=cluster.bin, libraries=cluster.libraries)
    else:
        raise pytest.UsageError(f"--through {way}: use direct, relay or gateway")
    return Reached(cluster, endpoint, way)


@pytest.fixture(scope="session")
def java_command(scratch):
    """The command that runs a program of JdbcClient.java against an endpoint."""
    jar = pathlib.Path("/usr/share/java/postgresql.jar")
    if not jar.exists():
        raise harness.Failure(f"{jar} is missing: run script/install")
    classes = scratch.folder("classes")
    source = pathlib.Path(__file__).parent / "JdbcClient.java"
    harness.run("javac", "-cp", jar, "-d", classes, source, timeout=200).check()

    return lambda at, program: ["java", "-XX:+UseSerialGC", "-Xshare:auto", "-cp", f"{classes}:{jar}", "JdbcClient",
                                at.jdbc, at.user, program]


@pytest.fixture(scope="session")
def java(java_command):
    """Runs a program of JdbcClient.java against an endpoint."""
    def start(at, program, marker="", timeout=120):
        return harness.run(*java_command(at, program), env={"JDBC_PASSWORD": at.password, "MARKER": marker},
                           timeout=timeout)

    return start


@pytest.fixture(scope="session")
def java_process(java_command):
    """JDBC as a process that takes commands from the test."""
    return lambda at: at.process(*java_command(at, "commands"), env={"JDBC_PASSWORD": at.password})
