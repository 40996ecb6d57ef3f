"""Reads `strace -f -yy -o FILE`: system calls with the lines where each began and returned."""

import re

_LINE = re.compile(r"^(\d+)\s+(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)$", re.S)
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$", re.S)


class Call:
    """One system call: `began` and `returned` are positions in the trace."""

    def __init__(self, thread, name, arguments, began):
        self.thread, self.name, self.arguments, self.began, self.returned = thread, name, arguments, began, None

    def path(self):
        """What strace -yy shows for the first argument: a path or a socket's addresses."""
        found = re.match(r"-?\d+<((?:->|[^<>])*)>", self.arguments)
        return found.group(1) if found else ""

    def __repr__(self):
        return f"<{self.began}-{self.returned} {self.name}({self.arguments[:160]})>"


def read(text):
    open_calls, calls = {}, []
    for position, line in enumerate(text.split("\n")):
        found = _LINE.match(line)
        if not found:
            continue
        thread, rest = found.groups()
        resumed = _RESUMED.match(rest)
        if resumed:
            call = open_calls.pop(thread, None)
            if call is not None:
                call.arguments += resumed.group(2)
                call.returned = position
            continue
        start = _CALL.match(rest)
        if not start:
            continue
        call = Call(thread, start.group(1), start.group(2), position)
        calls.append(call)
        if rest.endswith("<unfinished ...>"):
            open_calls[thread] = call
        else:
            call.returned = position
    return calls
