"""Wrong calls to us: what somebody sends in the place, or in the name, of a vendor that says who pressed a button."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from bcp.contracts.caller import Call

SIGNED = b"slack signs with this"
URL = "https://bcp.corp.example/slack/interactive"


def signed(raw: bytes, at: float, *, key: bytes = SIGNED, version: bytes = b"v0") -> Call:
    """These bytes, with a proof of this moment."""
    moment = f"{at:.0f}".encode()
    proof = hmac.new(key, version + b":" + moment + b":" + raw, hashlib.sha256).hexdigest()
    headers = {"x-slack-request-timestamp": moment.decode(), "x-slack-signature": f"{version.decode()}={proof}"}
    return Call("interactive", URL, raw, headers, at)


def payload(user: str, value: str) -> dict[str, Any]:
    """What Slack sends when this person presses this button."""
    return {
        "type": "block_actions", "user": {"id": user, "name": "x"},
        "actions": [{"action_id": value, "value": value, "type": "button"}],
    }  # fmt: skip


def form(data: Any) -> bytes:
    """As Slack wraps it."""
    return urlencode({"payload": json.dumps(data)}).encode()


@dataclass(frozen=True, slots=True)
class CallLie:
    """``make`` makes of the payload of an honest press, and of the moment, a call that must not count."""

    make: Callable[[dict[str, Any], float], Call]


def _body(raw: bytes) -> CallLie:
    return CallLie(lambda data, at: signed(raw, at))


def _changed(change: Callable[[dict[str, Any]], Any]) -> CallLie:
    def make(data: dict[str, Any], at: float) -> Call:
        mine = copy.deepcopy(data)
        found = change(mine)
        return signed(form(mine if found is None else found), at)

    return CallLie(make)


def _value(said: Callable[[str], Any]) -> CallLie:
    def change(data: dict[str, Any]) -> None:
        data["actions"][0]["value"] = said(data["actions"][0]["value"])

    return _changed(change)


def _user(user: Any) -> CallLie:
    return _changed(lambda data: data.update(user=user))


def _bytes(change: Callable[[bytes], bytes]) -> CallLie:
    return CallLie(lambda data, at: signed(change(form(data)), at))


def _proof(change: Callable[[dict[str, str]], Mapping[str, str]]) -> CallLie:
    def make(data: dict[str, Any], at: float) -> Call:
        call = signed(form(data), at)
        return replace(call, headers=change(dict(call.headers)))

    return CallLie(make)


def _aged(seconds: float) -> CallLie:
    return CallLie(lambda data, at: replace(signed(form(data), at + seconds), at=at))


def _deep(data: dict[str, Any]) -> Any:
    for _ in range(300):
        data = {"payload": data}
    return data


SIGNATURE = "x-slack-signature"
MOMENT = "x-slack-request-timestamp"
CALL: Mapping[str, CallLie] = {
    "empty": _body(b""),
    "zeroes": _body(b"\0" * 100),
    "binary": _body(bytes(range(256))),
    "no payload": _body(b"a=b"),
    "a payload without a word": _body(b"payload="),
    "a payload that is no JSON": _body(b"payload=%7Bhello"),
    "null": _body(b"payload=null"),
    "a number": _body(b"payload=7"),
    "a number of 10,000 digits": _body(b"payload=" + b"9" * 10_000),
    "a list": _body(b"payload=%5B%5D"),
    "html": _body(b"<!doctype html><p>Guest network</p>"),
    "deeper": _body(b"payload=" + b"%5B" * 20_000),
    "half a character": _body(b"payload=%7B%22type%22%3A%22%5Cud800%22%7D"),
    "10,000 fields": _body(b"a=b&" * 10_000),
    "JSON in place of a form": CallLie(lambda data, at: signed(json.dumps(data).encode(), at)),
    "deep": _changed(_deep),
    "half of it": _bytes(lambda raw: raw[: len(raw) // 2]),
    "a byte order mark": _bytes(lambda raw: b"\xef\xbb\xbf" + raw),
    "utf-16": _bytes(lambda raw: raw.decode().encode("utf-16")),
    "a second payload behind it": _bytes(lambda raw: raw + b"&payload=%7B%7D"),
    "another type": _changed(lambda data: data.update(type="view_submission")),
    "a type that is a list": _changed(lambda data: data.update(type=["block_actions"])),
    "no actions": _changed(lambda data: data.update(actions=[])),
    "actions that are null": _changed(lambda data: data.update(actions=None)),
    "actions in an object": _changed(lambda data: data.update(actions={"0": data["actions"][0]})),
    "actions that are a text": _changed(lambda data: data.update(actions="yes")),
    "no user": _changed(lambda data: data.pop("user") and None),
    "a user that is null": _user(None),
    "a user without an id": _user({}),
    "an empty user": _user({"id": ""}),
    "a user that is a list": _user({"id": ["U0ALICE1"]}),
    "a stranger": _user({"id": "U0STRANGER"}),
    "a user in small letters": _user({"id": "u0alice1"}),
    "a user with a blank": _user({"id": "U0ALICE1 "}),
    "a user with a zero behind": _user({"id": "U0ALICE1\0"}),
    "a value that is null": _value(lambda v: None),
    "a value that is a list": _value(lambda v: [v]),
    "no value": _value(lambda v: ""),
    "a value without a word": _value(lambda v: v.partition(":")[0]),
    "YES": _value(lambda v: v.upper()),
    "another word": _value(lambda v: v.replace(":yes", ":maybe")),
    "a blank behind": _value(lambda v: v + " "),
    "two words": _value(lambda v: v + ":yes"),
    "another question": _value(lambda v: "q-20260101-000000-000000:yes"),
    "a question that is a path": _value(lambda v: "../../etc/passwd:yes"),
    "a question that is a quote": _value(lambda v: "' or 1=1 --:yes"),
    "a value of a megabyte": _value(lambda v: "x" * 1_000_000 + ":yes"),
    "an escape for terminals": _value(lambda v: "\x1b[2J:yes"),
    "not signed": _proof(lambda h: {}),
    "no moment": _proof(lambda h: {SIGNATURE: h[SIGNATURE]}),
    "no signature": _proof(lambda h: {MOMENT: h[MOMENT]}),
    "an empty signature": _proof(lambda h: {**h, SIGNATURE: ""}),
    "a signature without its version": _proof(lambda h: {**h, SIGNATURE: h[SIGNATURE].removeprefix("v0=")}),
    "a signature cut": _proof(lambda h: {**h, SIGNATURE: h[SIGNATURE][:-1]}),
    "a signature of another script": _proof(lambda h: {**h, SIGNATURE: "v0=" + "\u0661" * 64}),
    "half a character for a signature": _proof(lambda h: {**h, SIGNATURE: "v0=\ud800"}),
    "a moment that is none": _proof(lambda h: {**h, MOMENT: "now"}),
    "a moment of another script": _proof(lambda h: {**h, MOMENT: "".join(chr(0x660 + int(c)) for c in h[MOMENT])}),
    "a moment that is infinite": _proof(lambda h: {**h, MOMENT: "inf"}),
    "a moment that is no number": _proof(lambda h: {**h, MOMENT: "nan"}),
    "another moment": _proof(lambda h: {**h, MOMENT: str(int(h[MOMENT]) + 1)}),
    "signed by another": CallLie(lambda data, at: signed(form(data), at, key=b"another")),
    "signed with nothing": CallLie(lambda data, at: signed(form(data), at, key=b"")),
    "another version": CallLie(lambda data, at: signed(form(data), at, version=b"v1")),
    "signed an hour ago": _aged(-3600.0),
    "signed an hour from now": _aged(3600.0),
    "another place": CallLie(lambda data, at: replace(signed(form(data), at), path="../interactive")),
    "no place": CallLie(lambda data, at: replace(signed(form(data), at), path="")),
}
"""None of these is a press of somebody who was asked."""
