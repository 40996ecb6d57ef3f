"""Reads the files of Tests/Corpus, whose form Tests/AccessPolicyTests/Corpus.swift describes."""

import harness

FOLDER = harness.ROOT / "Tests" / "Corpus"


class Entry:
    def __init__(self, line, text, expected):
        parts = expected.split(" | ")
        self.line, self.text = line, text
        self.verdict, *self.rules = parts[0].split()
        self.classes = parts[1].split() if len(parts) > 1 else []

    def __repr__(self):
        return f"line {self.line}: {self.text[:100]}"


def read(name):
    """(guards as in a configuration, entries)."""
    guards, entries, text = [], [], []
    for number, line in enumerate((FOLDER / name).read_text("utf-8").split("\n"), 1):
        if not text and (not line or line.startswith("#")):
            continue
        if not text and line.startswith("%guard "):
            guards.append(_guard(line))
        elif line.startswith("  -> "):
            entries.append(Entry(number, "\n".join(text), line[5:]))
            text = []
        else:
            text.append(line)
    assert not text, f"{name} ends within a statement"
    return guards, entries


def _guard(line):
    words, verdict = [part.split() for part in line[len("%guard "):].split(" | ")]
    when = {}
    for word in words[1:]:
        if word == "without=where":
            when["without"] = "where"
        elif word.startswith("table="):
            when.setdefault("table", []).append(word[len("table="):])
        else:
            when.setdefault("statement", []).append(word)
    guard = {"name": words[0], "when": when, "then": verdict[0]}
    if len(verdict) > 1:
        guard["approve"] = {"groups": verdict[1:], "within": "15m"}
    return guard
