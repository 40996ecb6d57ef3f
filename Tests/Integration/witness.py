"""A witness process, and the checks of what it signs: on hashlib and `cryptography` alone, apart from the product."""

import base64
import hashlib
import http.client
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import harness


class Witness(harness.Server):
    def __init__(self, scratch, name):
        self.scratch, self.folder, self.label = scratch, scratch.folder(f"{name}-{harness.free_port()}"), name
        super().__init__(name, self.folder / "log")
        self.log.touch()
        harness.give_away(self.log)
        self.port, self.data = harness.free_port(), self.folder / "data"
        done = harness.run(harness.unprivileged_binary(scratch), "witness", "key", "--data", self.data, "--name",
                           f"{name}.example", cwd=self.folder, **harness.as_unprivileged()).check()
        self.key = done.text.strip()

    def start(self, *logs):
        self.logs = logs or self.logs
        keys = [word for log in self.logs for word in ("--log", log)]
        before = self.log_text().count("witness ready")
        self.spawn([harness.unprivileged_binary(self.scratch), "witness", "--data", self.data, "--listen",
                    f"127.0.0.1:{self.port}", *keys], cwd=self.folder)
        harness.wait_for(lambda: self.must_live() and self.log_text().count("witness ready") > before, 20,
                         f"{self.name} ready")
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def configuration(self):
        return {"url": self.url, "key": self.key}

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {}, encode_chunked=headers is not None)
            answer = connection.getresponse()
            return answer.status, answer.getheader("content-type"), answer.read()
        finally:
            connection.close()

    def add(self, old, proof, note):
        lines = [f"old {old}"] + [base64.b64encode(hash).decode() for hash in proof]
        return self.request("POST", "/add-checkpoint", "\n".join(lines).encode() + b"\n\n" + note)

    def latest(self, origin):
        status, _, note = self.request("GET", "/checkpoint/" + hashlib.sha256(origin.encode()).hexdigest())
        return note if status == 200 else None


def verifier(key):
    """(name, id, algorithm, public key) of a verifier key's text."""
    name, id, rest = key.split("+", 2)
    raw = base64.b64decode(rest, validate=True)
    assert hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() == id
    return name, bytes.fromhex(id), raw[0], Ed25519PublicKey.from_public_bytes(raw[1:])


def split(note):
    """(text, signature lines) of a signed note."""
    text, _, lines = note.rpartition(b"\n\n")
    return text + b"\n", lines.split(b"\n")[:-1]


def size(note):
    return int(note.split(b"\n")[1])


def signed_by(note, key):
    """Whether the note has a valid signature of this key; a wrong one under its name is an error."""
    name, id, algorithm, public = verifier(key)
    text, lines = split(note)
    for line in lines:
        assert line.startswith("— ".encode())
        who, _, signature = line[len("— ".encode()):].rpartition(b" ")
        raw = base64.b64decode(signature, validate=True)
        if who.decode() != name or raw[:4] != id:
            continue
        message, bare = text, raw[4:]
        if algorithm == 4:
            time, bare = struct.unpack(">Q", raw[4:12])[0], raw[12:]
            message = b"cosignature/v1\ntime %d\n" % time + text
        try:
            public.verify(bare, message)
        except InvalidSignature:
            raise AssertionError(f"a signature of {name} is wrong") from None
        return True
    return False


class Log:
    """A log of the test's own, with its key and every one of its trees."""

    def __init__(self, origin, private, leaves):
        self.origin, self.private = origin, private
        self.leaves = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
        raw = b"\x01" + private.public_key().public_bytes_raw()
        self.id = hashlib.sha256(origin.encode() + b"\n" + raw).digest()[:4]
        self.key = f"{origin}+{self.id.hex()}+{base64.b64encode(raw).decode()}"

    def root(self, leaves):
        if len(leaves) < 2:
            return leaves[0] if leaves else hashlib.sha256(b"").digest()
        half = 1 << (len(leaves) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + self.root(leaves[:half]) + self.root(leaves[half:])).digest()

    def note(self, size):
        root = base64.b64encode(self.root(self.leaves[:size])).decode()
        text = f"{self.origin}\n{size}\n{root}\n".encode()
        line = base64.b64encode(self.id + self.private.sign(text)).decode()
        return text + b"\n" + f"— {self.origin} {line}\n".encode()

    def proof(self, old, new, leaves=None, whole=True):
        """RFC 6962, section 2.1.2."""
        leaves = self.leaves[:new] if leaves is None else leaves
        if old in (0, new) and whole and leaves is not None and (old == 0 or old == len(leaves)):
            return []
        if old == len(leaves):
            return [] if whole else [self.root(leaves)]
        half = 1 << (len(leaves) - 1).bit_length() - 1
        if old <= half:
            return self.proof(old, new, leaves[:half], whole) + [self.root(leaves[half:])]
        return self.proof(old - half, new, leaves[half:], False) + [self.root(leaves[:half])]
