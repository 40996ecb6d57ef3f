"""An independent verifier of Sallyport's audit log: the public formats on hashlib and `cryptography`, nothing of the product.

    verifier.py ledger FOLDER --key KEY [--last-seen CHECKPOINT] [--witness KEY ...] [--running]
    verifier.py bundle FILE [--key KEY]

`FOLDER` is a copy of the data folder's `ledger/` (C2SP tlog-tiles: checkpoint, hash tiles, entry bundles). `--last-seen` is a
checkpoint of the same log that was kept from before: the log must extend it. Exits 1 and says what is wrong, else 0.
"""

import argparse
import base64
import binascii
import hashlib
import json
import pathlib
import re
import sys
import tarfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256


class Bad(Exception):
    """The log, or the evidence, is not what it claims to be."""


# RFC 6962, section 2.1

def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(hashes):
    """The root over leaf hashes, or over the roots of equal complete subtrees."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    edge = []  # (height, root) of complete subtrees, largest first
    for value in hashes:
        height = 0
        while edge and edge[-1][0] == height:
            value = node_hash(edge.pop()[1], value)
            height += 1
        edge.append((height, value))
    value = edge.pop()[1]
    while edge:
        value = node_hash(edge.pop()[1], value)
    return value


def root_from_path(index, size, value, path):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        raise Bad(f"index {index} is outside a tree of {size}")
    node, last = index, size - 1
    for sibling in path:
        if last == 0:
            raise Bad("the proof is too long")
        if node & 1 or node == last:
            value = node_hash(sibling, value)
            while node & 1 == 0 and node:
                node >>= 1
                last >>= 1
        else:
            value = node_hash(value, sibling)
        node >>= 1
        last >>= 1
    if last:
        raise Bad("the proof is too short")
    return value


# C2SP signed-note, tlog-checkpoint, tlog-cosignature

def decode64(text, what):
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Bad(f"{what} is not base64") from None
    if base64.b64encode(value).decode() != text:
        raise Bad(f"{what} is not canonical base64")
    return value


class Key:
    """A verifier key: name+id+base64(algorithm, public key)."""

    def __init__(self, text):
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise Bad("the key is not of the form name+id+key")
        self.name, self.text = parts[0], text.strip()
        raw = decode64(parts[2], "the key")
        if len(raw) != 33 or raw[0] not in (1, 4):
            raise Bad("the key is no Ed25519 key of a known kind")
        self.algorithm, self.public = raw[0], Ed25519PublicKey.from_public_bytes(raw[1:])
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        if self.id.hex() != parts[1]:
            raise Bad("the key's id is not its own")

    def verify(self, signature, text):
        if self.algorithm == 4:
            if len(signature) != 72:
                raise Bad(f"the cosignature of {self.name} has a wrong length")
            time = int.from_bytes(signature[:8], "big")
            text, signature = b"cosignature/v1\ntime %d\n" % time + text, signature[8:]
        try:
            self.public.verify(signature, text)
        except InvalidSignature:
            raise Bad(f"the signature of {self.name} is false") from None


class Checkpoint:
    def __init__(self, note, key, witnesses=()):
        try:
            whole = note.decode()
        except UnicodeDecodeError:
            raise Bad("the checkpoint is not UTF-8") from None
        if any(ord(c) < 0x20 and c != "\n" for c in whole):
            raise Bad("the checkpoint has a control character")
        text, found, lines = whole.rpartition("\n\n")
        if not found or not lines.endswith("\n"):
            raise Bad("the checkpoint is no signed note")
        text += "\n"
        fields = text.split("\n")[:-1]
        if len(fields) < 3 or "" in fields:
            raise Bad("the checkpoint has fewer than three lines, or an empty one")
        if not re.fullmatch("0|[1-9][0-9]{0,18}", fields[1]):
            raise Bad("the checkpoint's size is no number")
        self.origin, self.size, self.root = fields[0], int(fields[1]), decode64(fields[2], "the root hash")
        if len(self.root) != 32:
            raise Bad("the root hash has not 32 bytes")
        signed = set()
        for line in lines[:-1].split("\n"):
            match = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
            if not match:
                raise Bad("a signature line is malformed")
            raw = decode64(match[2], "a signature")
            for known in (key, *witnesses):
                if match[1] == known.name and raw[:4] == known.id:
                    known.verify(raw[4:], text.encode())
                    signed.add(known.text)
        if key.text not in signed:
            raise Bad("the checkpoint is not signed by the log's key")
        if self.origin != key.name:
            raise Bad("the checkpoint is another log's")


# C2SP tlog-tiles

def tile_path(level, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/" + "/".join(groups) + ("" if width == WIDTH else f".p/{width}")


def parse_tile_path(path):
    """(level or "entries", index, width), or None for what is no tile's path in its one spelling."""
    match = re.fullmatch(r"tile/(entries|\d{1,2})/((?:x\d{3}/)*)(\d{3})(?:\.p/(\d{1,3}))?", path)
    if not match:
        return None
    index = int(match[2].replace("x", "").replace("/", "") + match[3])
    width = int(match[4]) if match[4] else WIDTH
    level = match[1] if match[1] == "entries" else int(match[1])
    if not 1 <= width <= WIDTH or (match[4] and width == WIDTH) or tile_path(level, index, width) != path:
        return None
    return level, index, width


def split_bundle(data, width, path):
    entries, place = [], 0
    while place < len(data):
        length = int.from_bytes(data[place:place + 2], "big")
        end = place + 2 + length
        if len(data) - place < 2 or end > len(data):
            raise Bad(f"{path} is cut")
        entries.append(data[place + 2:end])
        place = end
    if len(entries) != width:
        raise Bad(f"{path} has {len(entries)} entries, not {width}")
    return entries


def canonical(entry, where):
    """The entry as JSON; a leaf is one line of canonical JSON with the members that every leaf has."""
    if len(entry) > 65535:
        raise Bad(f"{where} is too long")

    def members(pairs):
        names = [name for name, _ in pairs]
        if names != sorted(set(names), key=lambda n: n.encode("utf-16-be")):
            raise Bad(f"{where}: members out of order or twice")
        return dict(pairs)

    def number(_):
        raise Bad(f"{where}: a number that is not whole")

    try:
        leaf = json.loads(entry.decode(), object_pairs_hook=members, parse_float=number, parse_constant=number)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Bad(f"{where} is not JSON") from None
    if json.dumps(leaf, ensure_ascii=False, separators=(",", ":")).encode() != entry:
        raise Bad(f"{where} is not in canonical form")
    for name, kind in (("v", int), ("id", str), ("session", str), ("seq", int), ("time", int), ("type", str)):
        if not isinstance(leaf, dict) or type(leaf.get(name)) is not kind:
            raise Bad(f"{where} lacks {name}")
    if leaf["v"] != 1:
        raise Bad(f"{where} is of version {leaf['v']}")
    return leaf


class Ledger:
    """A copied ledger folder: {path: bytes} below it."""

    def __init__(self, files):
        self.files = files

    @classmethod
    def read(cls, folder):
        folder = pathlib.Path(folder)
        if not folder.is_dir():
            raise Bad(f"{folder} is no folder")
        return cls({str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if not p.is_dir()})

    def tile(self, level, index, width):
        """The bytes of a tile, cut out of a wider one when there is only that."""
        path = tile_path(level, index, width)
        if path in self.files:
            return self.files[path]
        for wider in range(width + 1, WIDTH + 1):
            data = self.files.get(tile_path(level, index, wider))
            if data is None:
                continue
            if level != "entries":
                return data[:32 * width]
            kept = split_bundle(data, wider, path)[:width]
            return b"".join(len(e).to_bytes(2, "big") + e for e in kept)
        raise Bad(f"{path} is missing")

    def verify(self, key, last_seen=None, witnesses=(), running=False):
        """Checks everything; returns the checkpoint. Raises Bad with the first thing that is wrong."""
        if "checkpoint" not in self.files:
            raise Bad("the checkpoint is missing")
        head = Checkpoint(self.files["checkpoint"], key, witnesses)
        hashes, entries = [], []
        for index in range((head.size + WIDTH - 1) // WIDTH):
            width = min(WIDTH, head.size - index * WIDTH)
            path = tile_path("entries", index, width)
            some = split_bundle(self.tile("entries", index, width), width, path)
            entries += some
            hashes += [leaf_hash(e) for e in some]
        if root_of(hashes) != head.root:
            raise Bad("the entries do not lead to the checkpoint's root")
        self._sequences(entries)
        levels = self._levels(hashes)
        self._files(levels, entries, running)
        if last_seen is not None:
            old = Checkpoint(last_seen, key)
            if old.size > head.size:
                raise Bad(f"the log had {old.size} entries when it was last seen, now it has {head.size}")
            if root_of(hashes[:old.size]) != old.root:
                raise Bad("the log does not extend the checkpoint that was last seen")
        return head

    @staticmethod
    def _sequences(entries):
        following = {}
        for index, entry in enumerate(entries):
            leaf = canonical(entry, f"entry {index}")
            expected = following.get(leaf["session"], 0)
            if leaf["seq"] != expected:
                raise Bad(f"entry {index} has sequence {leaf['seq']}, not {expected}, in session {leaf['session']}")
            following[leaf["session"]] = expected + 1

    @staticmethod
    def _levels(hashes):
        levels = [hashes]
        while len(levels[-1]) >= WIDTH:
            below = levels[-1]
            levels.append([root_of(below[n:n + WIDTH]) for n in range(0, len(below) - WIDTH + 1, WIDTH)])
        return levels

    def _files(self, levels, entries, running):
        """Every tile of the tree is there and right, and there is nothing else."""
        for level, hashes in enumerate(levels):
            for index in range((len(hashes) + WIDTH - 1) // WIDTH):
                some = hashes[index * WIDTH:(index + 1) * WIDTH]
                if self.tile(level, index, len(some)) != b"".join(some):
                    raise Bad(f"{tile_path(level, index, len(some))} is not what the entries lead to")
        for path, data in self.files.items():
            if path == "checkpoint":
                continue
            known = parse_tile_path(path)
            if known is None:
                raise Bad(f"{path} is no part of a ledger")
            level, index, width = known
            if level == "entries":
                some = entries[index * WIDTH:index * WIDTH + width]
                right = b"".join(len(e).to_bytes(2, "big") + e for e in some)
            else:
                some = (levels[level] if level < len(levels) else [])[index * WIDTH:index * WIDTH + width]
                right = b"".join(some)
            if len(some) < width:
                if not running:
                    raise Bad(f"{path} is not covered by the checkpoint")
            elif data != right:
                raise Bad(f"{path} is not what the entries lead to")


# The evidence bundle

def verify_bundle(path, key=None):
    """Checks an evidence bundle; returns (leaves, items of content that were checked). Raises Bad."""
    files = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if not member.isreg() or member.name in files or member.size > 1 << 30:
                    raise Bad(f"{member.name!r} does not belong into a bundle")
                files[member.name] = archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise Bad(f"the bundle is no tar archive: {error}") from None
    folders = {name.partition("/")[0] for name in files}
    if len(folders) != 1:
        raise Bad("the bundle is not one folder")
    folder = folders.pop() + "/"
    files = {name.removeprefix(folder): data for name, data in files.items()}
    files.pop("README.txt", None)
    try:
        own = Key(files.pop("key.txt").decode())
        note = files.pop("checkpoint")
    except (KeyError, UnicodeDecodeError):
        raise Bad("the bundle has no key or no checkpoint") from None
    if key is not None and key.text != own.text:
        raise Bad("the bundle is of another key")
    head = Checkpoint(note, key or own)
    leaves, checked, last = [], 0, -1
    while f"entries/{len(leaves):08}.json" in files:
        number = len(leaves)
        entry = files.pop(f"entries/{number:08}.json")
        leaf = canonical(entry, f"entry {number}")
        if f"evidence-{leaf['session']}/" != folder or leaf["seq"] != number:
            raise Bad(f"entry {number} is not the session's entry of that sequence")
        index = _proof(files.pop(f"entries/{number:08}.tlog-proof", b""), entry, head, note)
        if index <= last:
            raise Bad(f"entry {number} stands before the one before")
        last = index
        for place, item in enumerate(leaf.get("content") or []):
            content = files.pop(f"content/{number:08}-{place:02}-{item['kind']}", None)
            if content is None:
                continue
            if len(content) != 32 + item.get("kept", item["size"]):
                raise Bad(f"content {place} of entry {number} has a wrong length")
            if "kept" not in item:
                if hashlib.sha256(content).hexdigest() != item["sha256"]:
                    raise Bad(f"content {place} of entry {number} is not what was committed to")
                checked += 1
        leaves.append(leaf)
    if not leaves or files:
        raise Bad(f"the bundle has no entries, or more than belongs to them: {sorted(files)[:3]}")
    return leaves, checked


def _proof(data, entry, head, note):
    text, found, rest = data.partition(b"\n\n")
    lines = text.split(b"\n")
    if not found or rest != note or lines[0] != b"c2sp.org/tlog-proof@v1" or len(lines) < 2:
        raise Bad("a proof is not of its form, or under another checkpoint")
    match = re.fullmatch(rb"index (0|[1-9][0-9]{0,18})", lines[1])
    if not match:
        raise Bad("a proof has no index")
    path = [decode64(line.decode("latin-1"), "a hash") for line in lines[2:]]
    if root_from_path(int(match[1]), head.size, leaf_hash(entry), path) != head.root:
        raise Bad("a proof does not lead to the root")
    return int(match[1])


def main():
    parser = argparse.ArgumentParser(description="Verifies a copy of a ledger, or an evidence bundle.")
    parser.add_argument("what", choices=["ledger", "bundle"])
    parser.add_argument("path")
    parser.add_argument("--key")
    parser.add_argument("--last-seen")
    parser.add_argument("--witness", action="append", default=[])
    parser.add_argument("--running", action="store_true", help="files past the checkpoint are passed over")
    given = parser.parse_args()
    try:
        key = Key(given.key) if given.key else None
        if given.what == "bundle":
            leaves, checked = verify_bundle(given.path, key)
            print(f"{len(leaves)} entries, {checked} items of content, last entry {leaves[-1]['type']}")
            return 0
        if key is None:
            parser.error("ledger needs --key")
        last = pathlib.Path(given.last_seen).read_bytes() if given.last_seen else None
        head = Ledger.read(given.path).verify(key, last, [Key(w) for w in given.witness], given.running)
        print(f"{head.size} entries of {head.origin}")
        return 0
    except Bad as bad:
        print(f"BAD: {bad}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
