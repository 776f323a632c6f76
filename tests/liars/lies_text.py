"""What stands in a file or comes out of a program where something else should stand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bcp.contracts.services import ProcessResult
from bcp.kernel.errors import BcpError, InDoubt, Permanent, Transient

ROW = {"queue_id": "Q9", "queue_name": "deferred", "arrival_time": 1, "sender": "x@y.example"}
PERSON = {"address": "alice@corp.test", "delay_reason": "held"}


def _row(**change: object) -> bytes:
    return json.dumps({**ROW, "recipients": [PERSON], **change}).encode() + b"\n"


TEXTS: Mapping[str, bytes] = {
    "html": b"<!doctype html><p>Guest network</p>\n",
    "zeroes": b"\0" * 1_000,
    "binary": bytes(range(256)) * 20,
    "latin-1": b"caf\xe9 \xff\xfe\n",
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}\n",
    "carriage returns": b"{}\r{}\r",
    "null": b"null\n",
    "true": b"true\n",
    "a number": b"7\n",
    "a text": b'"ok"\n',
    "a list": b"[]\n",
    "a list of lists": b"[[[]]]\n",
    "a list of numbers": b"[1, 2, 3]\n",
    "an object": b"{}\n",
    "half an object": b'{"queue_id": "Q9", "recip',
    "a good line and half a line": _row() + b'{"queue_id": "Q9", "recip',
    "not a number": _row(arrival_time=float("nan")),
    "infinite": _row(arrival_time=float("inf")),
    "a number of 400 digits": _row(arrival_time=10**400),
    "a number of 10,000 digits": b'{"queue_id": "Q9", "arrival_time": ' + b"9" * 10_000 + b', "recipients": []}\n',
    "a time as a text": _row(arrival_time="now"),
    "a time below zero": _row(arrival_time=-1),
    "no recipients": _row(recipients=None),
    "recipients in an object": _row(recipients={"a": 1}),
    "recipients as texts": _row(recipients=["alice@corp.test"]),
    "recipients as numbers": _row(recipients=[1]),
    "a recipient without an address": _row(recipients=[{}]),
    "an address that is a list": _row(recipients=[{"address": ["alice@corp.test"]}]),
    "a reason that is an object": _row(recipients=[{**PERSON, "delay_reason": {"a": 1}}]),
    "an id that is null": _row(queue_id=None),
    "an id that is a list": _row(queue_id=[1]),
    "a sender that is an object": _row(sender={}),
    "an escape for terminals": _row(recipients=[{**PERSON, "delay_reason": "\x1b[2J\x1b]0;x\x07"}]),
    "half a character": b'{"queue_id": "Q9", "sender": "\\ud800", "recipients": []}\n',
    "deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deeper": b"[" * 200_000,
    "5,000 lines": _row(queue_id="Q") * 5_000,
    "a line of a megabyte": _row(sender="x" * 1_000_000),
    "a reason of a megabyte": _row(recipients=[{**PERSON, "delay_reason": "x" * 1_000_000}]),
    "two objects in a line": b"{} {}\n",
    "a comma behind": b"{},\n",
    "yaml": b"queue_id: Q9\nrecipients: []\n",
    "xml": b"<?xml version='1.0'?><queue/>\n",
    "an error in words": b"postqueue: fatal: Queue report unavailable - mail system is down\n",
    "a log line": b"Nov 27 03:00:00 relay postfix/smtp[1]: Q1: to=<alice@corp.test>, status=sent (250 ok)\n",
    "a log line of another year": b"Feb 31 99:99:99 relay postfix/smtp[1]: Q1: to=<>, status=sent\n",
    "a log line cut": b"Nov 27 03:00:00 relay postfix/smtp[1]: Q1: to=<alice@cor",
}
CODES = (1, 2, 64, 69, 75, 78, 126, 127, 137, 139, 143, 255, -9, -11)


@dataclass(frozen=True, slots=True)
class TextLie:
    """``text`` in place of the honest one; ``error``: raised in place of it; ``code``: how the program ended."""

    text: bytes = b""
    code: int = 0
    error: BcpError | None = None
    cut: bool = False

    def ended(self) -> ProcessResult:
        """As a program's end. Raises ``error``."""
        if self.error is not None:
            raise self.error
        said = self.text.decode("utf-8", "replace")
        return ProcessResult(self.code, said if not self.code else "", said if self.code else "", self.cut)


FILE: Mapping[str, TextLie] = {name: TextLie(text) for name, text in TEXTS.items()}
PROGRAM: Mapping[str, TextLie] = {
    **FILE,
    **{f"exit {code}": TextLie(b"fatal: no\n", code) for code in CODES},
    "exit 1 with binary": TextLie(bytes(range(256)), 1),
    "exit 1 with a megabyte": TextLie(b"x" * 1_000_000, 1),
    "no end": TextLie(error=InDoubt("postqueue did not end in 3 s and was stopped")),
    "no program": TextLie(error=Permanent("'postqueue' cannot be started: No such file or directory")),
    "cut at the end of a line": TextLie(_row(), cut=True),
}
LOG: Mapping[str, TextLie] = {**FILE, "no file": TextLie(error=Transient("the relay's log cannot be read"))}
