"""The rules of HTTP archives, HAR 1.2 (w3c.github.io/web-performance/specs/HAR/Overview.html): every member that must be
there, every type, and what the specification says of them besides."""

import base64
import datetime
import re

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
NUMBER = (int, float)


def members(thing, where, required, optional=()):
    """Checks an object's members; those of names that begin with an underscore are the writer's own."""
    assert isinstance(thing, dict), (where, thing)
    kinds = {**dict(required), **dict(optional), "comment": str}
    for name, kind in dict(required).items():
        assert name in thing, f"{where} lacks {name}"
    for name, value in thing.items():
        if name.startswith("_"):
            continue
        assert name in kinds, f"{where} has {name}, which HAR does not know"
        assert isinstance(value, kinds[name]) and not isinstance(value, bool), (where, name, value)
    return thing


def named(things, where):
    for thing in things:
        members(thing, where, [("name", str), ("value", str)])


def check_request(request):
    members(request, "request", [
        ("method", str), ("url", str), ("httpVersion", str), ("cookies", list), ("headers", list), ("queryString", list),
        ("headersSize", int), ("bodySize", int)], [("postData", dict)])
    named(request["headers"], "request.headers")
    named(request["queryString"], "request.queryString")
    for cookie in request["cookies"]:
        members(cookie, "cookie", [("name", str), ("value", str)])
    assert request["method"] and request["httpVersion"].startswith("HTTP/")
    assert request["bodySize"] >= -1 and request["headersSize"] >= -1
    if "postData" in request:
        posted = members(request["postData"], "postData", [("mimeType", str)], [("params", list), ("text", str)])
        assert not (posted.get("params") and posted.get("text")), "params and text exclude one another"
        for field in posted.get("params", []):
            members(field, "params", [("name", str)], [("value", str), ("fileName", str), ("contentType", str)])


def check_response(response):
    members(response, "response", [
        ("status", int), ("statusText", str), ("httpVersion", str), ("cookies", list), ("headers", list), ("content", dict),
        ("redirectURL", str), ("headersSize", int), ("bodySize", int)])
    named(response["headers"], "response.headers")
    assert 0 <= response["status"] <= 599 and response["bodySize"] >= -1 and response["headersSize"] >= -1
    content = members(response["content"], "content", [("size", int), ("mimeType", str)],
                      [("compression", int), ("text", str), ("encoding", str)])
    if content.get("encoding"):
        assert content["encoding"] == "base64"
        assert len(base64.b64decode(content["text"], validate=True)) == content["size"]
    elif "text" in content:
        assert len(content["text"].encode()) == content["size"]
    if "compression" in content and response["bodySize"] >= 0:
        assert content["compression"] == content["size"] - response["bodySize"]


def check_timings(entry):
    timings = members(entry["timings"], "timings", [("send", NUMBER), ("wait", NUMBER), ("receive", NUMBER)],
                      [("blocked", NUMBER), ("dns", NUMBER), ("connect", NUMBER), ("ssl", NUMBER)])
    for name in ("send", "wait", "receive"):
        assert timings[name] >= 0, "only the optional ones may be -1"
    total = sum(value for name, value in timings.items() if name not in ("ssl", "comment") and value >= 0)
    assert abs(total - entry["time"]) < 0.0015, (timings, entry["time"])


def check(archive):
    """All rules on a whole archive; returns its entries."""
    assert set(archive) == {"log"}
    log = members(archive["log"], "log", [("version", str), ("creator", dict), ("entries", list)],
                  [("browser", dict), ("pages", list)])
    assert log["version"] == "1.2"
    members(log["creator"], "creator", [("name", str), ("version", str)])
    for entry in log["entries"]:
        members(entry, "entry", [
            ("startedDateTime", str), ("time", NUMBER), ("request", dict), ("response", dict), ("cache", dict),
            ("timings", dict)], [("pageref", str), ("serverIPAddress", str), ("connection", str)])
        assert DATE.fullmatch(entry["startedDateTime"]) and entry["time"] >= 0
        datetime.datetime.fromisoformat(entry["startedDateTime"].replace("Z", "+00:00"))
        assert set(entry["cache"]) <= {"beforeRequest", "afterRequest", "comment"}
        check_request(entry["request"])
        check_response(entry["response"])
        check_timings(entry)
    return log["entries"]
