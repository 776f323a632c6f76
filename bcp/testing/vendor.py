"""A vendor over a real socket that answers well, badly or not at all,
and the wrong answers that vendors give in life."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that the vendor got. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def fields(self) -> dict[str, str]:
        """The query, and the body where it is a form."""
        text = urlsplit(self.target).query
        if "json" not in self.headers.get("content-type", ""):
            text += "&" + self.body.decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True))

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def lacks(self, **wanted: str) -> str:
        """Which of these texts stands nowhere in the request (address, headers, body; plain or in base64), as words."""
        raw = b" ".join((self.target.encode(), *(v.encode() for v in self.headers.values()), self.body))
        coded = re.findall(rb"[A-Za-z0-9+/]{24,}", unquote_to_bytes(raw))
        whole = b" ".join((raw, *(base64.b64decode(c[: len(c) // 4 * 4]) for c in coded)))
        lacking = [name.replace("_", " ") for name, text in wanted.items() if text.encode() not in whole]
        return f"{' and '.join(lacking)} is not in what was sent: {self.body[:80]!r}" if lacking else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor answers. A ``body`` that is no text or bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def wire(self) -> bytes:
        """As it goes over the wire."""
        is_text = isinstance(self.body, (str, bytes))
        raw = (
            (self.body.encode() if isinstance(self.body, str) else self.body)
            if is_text
            else json.dumps(self.body).encode()
        )
        kind = (
            "text/html"
            if isinstance(self.body, str)
            else ("application/octet-stream" if is_text else "application/json")
        )
        given = {"Content-Type": kind, "Content-Length": str(len(raw)), "Connection": "close", **self.headers}
        head = f"HTTP/1.1 {self.status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in given.items())
        return head.encode("latin-1") + b"\r\n" + raw


HANG = b"(hang)"
"""In place of an answer: none, until the other side goes."""
DRIP = b"(drip)"
"""In place of an answer: a good beginning, and then one byte after the other without end."""
Fault = Callable[[Asked], "Answer | bytes"]


class FakeVendor:
    """One HTTP server. ``fault`` answers in place of ``respond`` for as long as it is set."""

    def __init__(self, respond: Callable[[Asked], Answer]) -> None:
        self.respond = respond
        self.fault: Fault | None = None
        self.asked: list[Asked] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port of this machine."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Listen no more; whoever asks now is refused. Connections under way are cut."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        if self._server is not None:
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            asked = await read_asked(reader)
            if asked is None:
                return
            self.asked.append(asked)
            answer = self.fault(asked) if self.fault is not None else self.respond(asked)
            await _write(reader, writer, answer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer | bytes) -> None:
    if answer is HANG:
        await reader.read()  # until the other side goes
    elif answer is DRIP:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
        while not reader.at_eof():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)
    else:
        writer.write(answer if isinstance(answer, bytes) else answer.wire())
        await writer.drain()


async def read_asked(reader: asyncio.StreamReader) -> Asked | None:
    """One request from a stream. Raises what streams raise, and ``ValueError`` for what is none."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
    if headers.get("transfer-encoding", "") == "chunked":
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length") or 0))
    return Asked(method, target, headers, body)


# -- wrong answers ---------------------------------------------------------------------------------------------------

_HTML = "<!doctype html><html><body>Guest network: please log in</body></html>"
_JSON = {"Content-Type": "application/json"}


def _json(text: str | bytes, status: int = 200) -> Answer:
    return Answer(status, text if isinstance(text, bytes) else text.encode(), _JSON)


_WRONG_TYPES = {
    n: [{"a": 1}] for n in ("id", "sid", "ts", "ok", "status", "messages", "calls", "code", "message", "date_created")
}


def _bomb(millions: int) -> bytes:
    """So many millions of blanks in gzip, from one million of them: it is made wherever a suite is imported."""
    blanks = b" " * 1_000_000
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    one, crc = packer.compress(blanks) + packer.flush(zlib.Z_FULL_FLUSH), 0
    for _ in range(millions):
        crc = zlib.crc32(blanks, crc)
    head, end = b"\x1f\x8b\x08\0\0\0\0\0\x04\xff", b"\x03\x00"
    return head + one * millions + end + struct.pack("<LL", crc, millions * len(blanks))


WRONG_ANSWERS: Mapping[str, Answer | bytes] = {
    # 200, and the body is not what was asked for
    "html": Answer(200, _HTML),
    "html that says it is json": _json(_HTML),
    "empty": Answer(200, b""),
    "empty json": _json(b""),
    "blanks": _json(b" \r\n\t "),
    "null": _json("null"),
    "true": _json("true"),
    "a number": _json("1"),
    "a text": _json('"ok"'),
    "an empty list": _json("[]"),
    "an empty object": _json("{}"),
    "a list of lists": _json("[[[]]]"),
    "fields of wrong types": _json(json.dumps(_WRONG_TYPES)),
    "fields that are null": _json(json.dumps(dict.fromkeys(_WRONG_TYPES))),
    "numbers for texts": _json(json.dumps(dict.fromkeys(_WRONG_TYPES, 7))),
    "json cut off": _json('{"ok": true, "id": "n1", "sid": "SM'),
    "not a number": _json('{"id": NaN, "ok": NaN, "sid": NaN}'),
    "nested too deeply": _json("[" * 100_000),
    "xml": Answer(200, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", {"Content-Type": "text/xml"}),
    "binary": _json(bytes(range(256)) * 4),
    "lone surrogates": _json('{"id": "\\ud800", "error": "\\udfff"'),
    "utf-16": Answer(200, '{"ok": tru'.encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}),
    "a charset that is none": Answer(200, b"{", {"Content-Type": "application/json; charset=no-such"}),
    "a charset that is a codec": Answer(200, b"zz", {"Content-Type": "application/json; charset=hex"}),
    "gzip that is none": Answer(200, b"no gzip", {**_JSON, "Content-Encoding": "gzip"}),
    "a bomb": Answer(200, _bomb(30), {**_JSON, "Content-Encoding": "gzip"}),
    "huge": _json(b" " * 3_000_000),
    # the connection
    "closed at once": b"",
    "not http": b"220 mail.example ESMTP\r\n",
    "tls instead": b"\x15\x03\x01\x00\x02\x02\x46",
    "cut in the header": b"HTTP/1.1 200 OK\r\nContent-Ty",
    "cut in the body": b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"id',
    "a length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "chunks that are none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a header without end": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n{}",
    "a status that is none": b"HTTP/1.1 xyz Fine\r\n\r\n{}",
    "drips": DRIP,
    "silence": HANG,
    # other statuses
    "moved to another host": Answer(302, b"", {"Location": "http://127.0.0.1:9/elsewhere"}),
    "moved, method kept": Answer(307, b"", {"Location": "/again"}),
    "moved, nowhere": Answer(301, b""),
    "login page of a proxy": Answer(407, _HTML),
    "forbidden by a filter": Answer(403, _HTML),
    "not found, html": Answer(404, _HTML),
    "refused without a body": Answer(400, b""),
    "refused with wrong types": _json(json.dumps(_WRONG_TYPES), 400),
    "refused with a list": _json("[]", 400),
    "bad gateway": Answer(502, _HTML),
    "down, with a date": Answer(503, b"", {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}),
    "slow down for ever": Answer(429, b"", {"Retry-After": "inf"}),
    "slow down by no number": Answer(429, _HTML, {"Retry-After": "soon"}),
    "slow down below zero": Answer(429, b"{}", {"Retry-After": "-1"}),
}
"""Answers that no vendor's document names, each from a public bug report of some tool. None of them is a yes."""
SILENT = frozenset(kind for kind, answer in WRONG_ANSWERS.items() if answer in (HANG, DRIP))
"""Kinds of them that a time-out of ours must end; all others are there at once."""


LEFT_S = 1.0
"""So long is waited for what a send leaves behind."""


async def work_left_behind() -> None:
    """Wait for what goes on in the background after a send has ended: a repeat there is hidden too."""
    others = ((t, str(t.get_coro())) for t in asyncio.all_tasks() if t is not asyncio.current_task())
    if left := [t for t, name in others if "FakeVendor" not in name and "Suite." not in name]:
        await asyncio.wait(left, timeout=LEFT_S)
