"""Wrong answers over HTTP. Half of them come in place of the work; the others after it was done."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bcp.testing.vendor import DRIP, HANG, WRONG_ANSWERS, Answer, Asked
from liars.web import Honest, HttpLie, Stream

JSON = {"Content-Type": "application/json"}
FLOOD_S = 0.05
"""Between two pieces of a flood. Without it nothing would ever be left to wait for, and time would stand still."""
HTML = "<!doctype html><html><body>Guest network: please log in</body></html>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def plain(answer: Answer | Stream) -> HttpLie:
    """This, and nothing was done."""
    return HttpLie(lambda asked, honest: answer)


def raw(first: bytes, **more: Any) -> HttpLie:
    """These bytes, and nothing was done."""
    return plain(Stream(first, **more))


def after(say: Callable[[Answer], Answer | Stream]) -> HttpLie:
    """What was asked is done; ``say`` makes of the honest answer what comes back."""
    return HttpLie(lambda asked, honest: say(honest()))


def wire(answer: Answer | bytes) -> HttpLie:
    """One of ``bcp.testing.vendor``'s."""
    if answer is HANG:
        return raw(b"", hold=True)
    if answer is DRIP:
        return raw(HEAD + b"Content-Length: 100000\r\n\r\n{", more=b" ", pause_s=0.2)
    return raw(answer) if isinstance(answer, bytes) else plain(answer)


def _told(change: Callable[[Any], Any]) -> HttpLie:
    """The honest JSON, changed. Where it is lines of JSON, every line."""

    def say(answer: Answer) -> Answer:
        body = answer.body
        if not isinstance(body, (str, bytes)):
            return replace(answer, body=json.dumps(change(copy.deepcopy(body))).encode(), headers=JSON)
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        lines = []
        for line in text.splitlines():
            try:
                lines.append(json.dumps(change(json.loads(line))))
            except ValueError:
                lines.append(line[::-1])
        return replace(answer, body=("\n".join(lines) + "\n").encode())

    return after(say)


def _each(value: Any) -> Callable[[Any], Any]:
    """Every leaf of it is this."""

    def change(found: Any) -> Any:
        if isinstance(found, dict):
            return {k: change(v) for k, v in found.items()}
        return [change(v) for v in found] if isinstance(found, list) else value

    return change


def _top(value: Any) -> Callable[[Any], Any]:
    """Every field of it is this."""
    return lambda found: dict.fromkeys(found, value) if isinstance(found, dict) else value


def _deep(found: Any) -> Any:
    for _ in range(400):
        found = {"data": found}
    return found


def _wide(found: Any) -> Any:
    more = {f"extra{i}": "x" * 50 for i in range(2_000)}
    return {**found, **more} if isinstance(found, dict) else found


def _slowly(answer: Answer) -> Stream:
    whole = answer.wire()
    return Stream(whole[:-1], cut=True)


def _coded(encode: str, name: str) -> HttpLie:
    def say(answer: Answer) -> Answer:
        body = answer.body if isinstance(answer.body, (str, bytes)) else json.dumps(answer.body)
        text = body.decode() if isinstance(body, bytes) else body
        return replace(answer, body=text.encode(encode), headers={"Content-Type": f"application/json; charset={name}"})

    return after(say)


def _status(status: int, body: Any = HTML, **headers: str) -> HttpLie:
    return plain(Answer(status, body, {k.replace("_", "-"): v for k, v in headers.items()}))


def _loop(asked: Asked, honest: Honest) -> Answer:
    return Answer(302, b"", {"Location": asked.target})


PACKED = gzip.compress(b'{"ok": true}')
INSTEAD: Mapping[str, HttpLie] = {
    **{name: wire(answer) for name, answer in WRONG_ANSWERS.items()},
    "refused": HttpLie(lambda asked, honest: Stream(cut=True), refuse=True),
    "reset before the head": raw(b"", cut=True),
    "reset in the head": raw(HEAD, cut=True),
    "reset in the body": raw(HEAD + b"Content-Length: 99\r\n\r\n{", cut=True),
    "accepted, then silence in the head": raw(b"HTTP/1.1 200", hold=True),
    "accepted, then silence in the body": raw(HEAD + b"Content-Length: 99\r\n\r\n{", hold=True),
    "drips in the head": raw(b"HTTP/1.1 200 OK\r\n", more=b"X", pause_s=0.2),
    "endless body": raw(HEAD + b"\r\n", more=b" " * 262_144, pause_s=FLOOD_S),
    "endless chunks": raw(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n", more=b"40000\r\n" + b" " * 262_144 + b"\r\n", pause_s=FLOOD_S
    ),
    "endless headers": raw(b"HTTP/1.1 200 OK\r\n", more=b"X-More: yes\r\n" * 4_000, pause_s=FLOOD_S),
    "early hints without end": raw(b"", more=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 50, pause_s=0.1),
    "continue, and no more": raw(b"HTTP/1.1 100 Continue\r\n\r\n", hold=True),
    "switching protocols": raw(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", hold=True),
    "a longer body than it says": raw(HEAD + b'Content-Length: 2\r\n\r\n{}{"ok": true}'),
    "two lengths": raw(HEAD + b"Content-Length: 2\r\nContent-Length: 999\r\n\r\n{}"),
    "a length that is none": raw(HEAD + b"Content-Length: many\r\n\r\n{}"),
    "a broken chunk": raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n0\r\n\r\n"),
    "chunks and a length": raw(HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    "packed, and cut": plain(Answer(200, PACKED[:-6], {**JSON, "Content-Encoding": "gzip"})),
    "packed in a way that nobody knows": plain(Answer(200, b"x", {**JSON, "Content-Encoding": "zz"})),
    "packed by brotli, which is none": plain(Answer(200, b"x", {**JSON, "Content-Encoding": "br"})),
    "zeroes in a header": raw(HEAD + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}"),
    "a bare line feed in a header": raw(HEAD + b"X-A: a\nSet-Cookie: b\nContent-Length: 2\r\n\r\n{}"),
    "a header without a name": raw(HEAD + b": none\r\nContent-Length: 2\r\n\r\n{}"),
    "a header of a megabyte": raw(HEAD + b"X-A: " + b"a" * 1_000_000 + b"\r\nContent-Length: 2\r\n\r\n{}"),
    "http 0.9": raw(b"<html>hello"),
    "http 2 preface": raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "a status of 0": raw(b"HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n"),
    "a status of 999": raw(b"HTTP/1.1 999 No\r\nContent-Length: 2\r\n\r\n{}"),
    "no content": _status(204, b""),
    "partial content": _status(206, b'{"ok"', Content_Range="bytes 0-5/99"),
    "not modified": _status(304, b""),
    "redirect to itself": HttpLie(_loop),
    "redirect to a file": _status(302, b"", Location="file:///etc/passwd"),
    "redirect to https": _status(308, b"", Location="https://127.0.0.1:9/"),
    "unauthorised": _status(401, WWW_Authenticate="Basic"),
    "payment": _status(402),
    "conflict": _status(409, b"{}"),
    "precondition": _status(412, b"null"),
    "too large": _status(413),
    "unprocessable": _status(422, {"code": {"a": []}, "message": 7, "errors": "no"}),
    "slow down, by a date gone by": _status(429, Retry_After="Sat, 01 Jan 2000 00:00:00 GMT"),
    "slow down for 30,000 years": _status(429, Retry_After="1000000000000"),
    "slow down by a number that is none": _status(429, Retry_After="nan"),
    "internal error": _status(500, {"code": None, "message": None}),
    "gateway time-out": _status(504),
    "json of ten megabytes": plain(Answer(200, b'{"a": "' + b"x" * 10_000_000 + b'"}', JSON)),
    "deep json": plain(Answer(200, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, JSON)),
    "a number of 10,000 digits": plain(Answer(200, b'{"id": ' + b"9" * 10_000 + b"}", JSON)),
    "an escape for terminals": plain(Answer(400, b'{"message": "\\u001b[2J\\u001b]0;x\\u0007", "code": 1}', JSON)),
}  # fmt: skip
"""Nothing was done."""
AFTER: Mapping[str, HttpLie] = {
    "done, and silence": after(lambda a: Stream(hold=True)),
    "done, and reset": after(lambda a: Stream(cut=True)),
    "done, and cut in the body": after(_slowly),
    "done, and 500": after(lambda a: Answer(500, HTML)),
    "done, and 503 with a wait": after(lambda a: Answer(503, b"", {"Retry-After": "1"})),
    "done, and html": after(lambda a: Answer(a.status, HTML)),
    "done, and empty": after(lambda a: Answer(a.status, b"", JSON)),
    "done, and html with 502": after(lambda a: Answer(502, HTML)),
    "done, every value null": _told(_each(None)),
    "done, every value a list": _told(_each([1])),
    "done, every value an object": _told(_each({"a": 1})),
    "done, every value a number": _told(_each(7)),
    "done, every value not a number": _told(_each(float("nan"))),
    "done, every value infinite": _told(_each(float("inf"))),
    "done, every value true": _told(_each(True)),
    "done, every value empty": _told(_each("")),
    "done, every value a lone surrogate": _told(_each("\ud800")),
    "done, every value very long": _told(_each("x" * 100_000)),
    "done, every value 1e400": _told(_each(10**400)),
    "done, every field null": _told(_top(None)),
    "done, every field an object": _told(_top({"a": [None]})),
    "done, every field a list of lists": _told(_top([[[]]])),
    "done, no fields": _told(lambda found: {}),
    "done, in a list": _told(lambda found: [found]),
    "done, as a text": _told(json.dumps),
    "done, deep inside": _told(_deep),
    "done, among 2,000 fields": _told(_wide),
    "done, in utf-16": _coded("utf-16", "utf-16"),
    "done, in utf-16 that says utf-8": _coded("utf-16", "utf-8"),
    "done, after a byte order mark": _coded("utf-8-sig", "utf-8"),
    "done, in a charset that is none": _coded("utf-8", "klingon"),
}
"""It was done, and the answer does not say so, or says it badly."""
HTTP: Mapping[str, HttpLie] = {**INSTEAD, **AFTER}
