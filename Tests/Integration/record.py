"""Reads `sallyport audit export --json`: entries grouped into exchanges, so that tests speak of commands and outcomes."""

import base64
import json


def content(entry, kind):
    """The bytes of one item of content of an entry, or None when it has none."""
    for item in entry.get("content") or []:
        if item.get("kind") == kind:
            if "base64" in item:
                return base64.b64decode(item["base64"])
            for name in ("text", "value", "utf8"):
                if name in item:
                    return item[name].encode()
    return None


class Exchange:
    """One command with all its entries, in order."""

    def __init__(self, entries):
        self.entries = entries
        self.types = [e["type"] for e in entries]

    def _first(self, kind):
        for entry in self.entries:
            found = content(entry, kind)
            if found is not None:
                return found
        return None

    @property
    def text(self):
        found = self._first("text")
        return None if found is None else found.decode("utf-8", "replace")

    @property
    def parameters(self):
        return self._first("parameters")

    @property
    def answer(self):
        return self._first("answer")

    @property
    def outcome(self):
        for entry in reversed(self.entries):
            if entry.get("outcome"):
                return entry["outcome"]
        return None

    @property
    def kind(self):
        return self.outcome and self.outcome.get("kind")

    @property
    def rules(self):
        return [rule for entry in self.entries for rule in entry.get("rules") or []]

    def __repr__(self):
        return f"<{self.types} {(self.text or '')[:80]!r} {self.outcome}>"


def exchanges(entries):
    """Entries → exchanges, in the order of their first entry."""
    groups = {}
    for entry in entries:
        if entry.get("exchange") is not None and entry.get("session"):
            groups.setdefault((entry["session"], entry["exchange"]), []).append(entry)
    return [Exchange(group) for group in groups.values()]


def find(entries, text):
    """The exchanges whose text or parameters hold `text`."""
    needle = text.encode()
    return [e for e in exchanges(entries)
            if needle in (e.text or "").encode() or needle in (e.parameters or b"")]


def whole(entries):
    """Everything exported as one text, for `is this secret anywhere` questions; base64 content decoded."""
    parts = [json.dumps(entries, ensure_ascii=False)]
    for entry in entries:
        for item in entry.get("content") or []:
            if "base64" in item:
                parts.append(base64.b64decode(item["base64"]).decode("latin-1"))
    return "\n".join(parts)
