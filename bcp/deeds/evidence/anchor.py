"""Take the heads of all chains, sign them, and let others witness them. What is refused or lost is tried again."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcp.contracts.channel import Delivery, Message
from bcp.deeds.evidence.key import SigningKey, current_key, must_be
from bcp.kernel.clock import iso
from bcp.kernel.errors import BcpError, Invalid, Permanent, StorageError
from bcp.kernel.files import write_atomic
from bcp.kernel.hashing import GENESIS, canonical, digest_text
from bcp.kernel.secret import redact
from bcp.kit.http import Http
from bcp.kit.rfc3161 import stamp
from bcp.settings.readiness import WitnessSettings
from bcp.store.files.anchors import Anchored, AnchorLog
from bcp.store.sqlite.heads import Heads, heads
from bcp.wiring import App

DAY_S = 86_400.0
"""Where nothing happened for so long, the heads are signed all the same: silence is witnessed, too."""
WITNESS_S = 15.0
BACK = 200
"""So many statements that a witness has not got are handed over again, the newest last."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one authority or witness did. ``rule`` is empty where it took it."""

    kind: str
    """``timestamp`` or ``witness``."""
    name: str
    says: str
    rule: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """A statement, and who took it."""

    seq: int
    at: float
    head: str
    """SHA-256 of the statement: what is stamped."""
    key: str
    fresh: bool
    """A new one; else the last one, which some had not got yet."""
    outcomes: tuple[Outcome, ...] = field(default=())

    @property
    def problem(self) -> str:
        """What went wrong first; empty: nothing."""
        return next((f"{o.name}: {o.says}" for o in self.outcomes if o.rule), "")


Extra = Callable[[Anchored, Heads], Mapping[str, Any]]


async def anchor(app: App, *, force: bool = True, extra: Extra | None = None, lost: bool = False) -> Taken:
    """Sign the heads as they are now, where anything changed (or ``force``), and hand over what others have not got.

    ``extra``: makes what else the statement says (``rotation``, ``explained``) from what is there when it is written;
    then one is always signed. ``lost``: the key may be another one than the heads before it name.

    Raises:
        StorageError: the heads cannot be read, or the statement cannot be written.
        Invalid: (``evidence-key``) the key cannot be used, (``evidence-other-key``) it is not the one of the heads.
    """
    log = AnchorLog(app.configuration.state)
    key = current_key(app.configuration.state, app.settings.evidence.key, log.read().next_key)

    def make(found: Anchored) -> Mapping[str, Any] | None:
        if found.damage:  # what cannot be read cannot be gone on with: a second beginning would hide it
            raise StorageError(found.damage, hint="Put a copy back; bcp audit verify")
        if not lost:
            must_be(key.public, found.next_key)
        last, known, at = found.last, _known(found), app.clock.now()
        now = heads(app.running.room)
        more = extra(found, now) if extra is not None else {}
        if not force and not more and last is not None and not _changed(json.loads(str(last["text"])), now, at, known):
            return None
        text = statement(app.settings.organisation.name, at, now, known, last, key.public, more)
        return {"kind": "statement", "text": text, "signature": key.sign(text), "at": at}

    fresh = await asyncio.to_thread(log.extend, make)
    outcomes = [*await _stamps(app, log), *await _witnesses(app, log)]
    newest = log.read().last
    assert newest is not None
    said = json.loads(str(newest["text"]))
    head = digest_text(str(newest["text"]))
    return Taken(int(said["seq"]), float(said["at"]), head, str(said["key"]), fresh, tuple(outcomes))


def statement(
    organisation: str, at: float, now: Heads, known: Mapping[str, Any], last: Mapping[str, Any] | None, key: str,
    more: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """What is signed, as canonical JSON: the heads that moved since the last statement, and what that one was."""
    seq = int(json.loads(str(last["text"]))["seq"]) + 1 if last else 1
    moved = {n: list(h) for n, h in now.chains.items() if known.get(n) != list(h)}
    data = {"v": 1, "organisation": organisation, "seq": seq, "at": at, "key": key, "audit": list(now.audit)}
    return canonical(
        {**(more or {}), **data, "previous": digest_text(str(last["text"])) if last else GENESIS, "chains": moved}
    )


def _known(found: Anchored) -> dict[str, Any]:
    """The head of each chain as the statements have it."""
    out: dict[str, Any] = {}
    for record in found.records:
        if record.get("kind") == "statement":
            out.update(json.loads(str(record["text"]))["chains"])
    return out


def _changed(last: Mapping[str, Any], now: Heads, at: float, known: Mapping[str, Any]) -> bool:
    moved = list(now.audit) != last["audit"] or any(known.get(n) != list(h) for n, h in now.chains.items())
    return moved or at - float(last["at"]) >= DAY_S


# -- authorities -----------------------------------------------------------------------------------------------------


async def _stamps(app: App, log: AnchorLog) -> list[Outcome]:
    """The newest statement, at each authority that has not stamped it."""
    found, out = log.read(), []
    last = found.last
    assert last is not None
    seq, head = int(json.loads(str(last["text"]))["seq"]), digest_text(str(last["text"]))
    wanted = {n: t for n, t in app.settings.evidence.timestamps.items() if not found.has(seq, "timestamp", n)}
    if not wanted:
        return []
    http = Http(connections=2)
    try:
        for name, tsa in wanted.items():
            nonce = secrets.randbits(63)
            try:
                got = await stamp(http, tsa.url, head, nonce, ca=tsa.ca, policy=tsa.policy, timeout_s=tsa.timeout)
            except BcpError as error:
                out.append(Outcome("timestamp", name, redact(error.message), error.rule or "tsa", error.hint))
                continue
            token = base64.b64encode(got.token).decode()
            keep_authority(log, name, tsa.ca)
            log.add({"kind": "timestamp", "seq": seq, "tsa": name, "token": token, "at": app.clock.now()})
            out.append(Outcome("timestamp", name, f"stamped at {iso(got.at)}"))
    finally:
        await http.close()
    return out


def keep_authority(log: AnchorLog, name: str, ca: Path) -> None:
    """The certificate of the authority is kept beside its stamps: a later configuration may have another one."""
    path, raw = log.authority(name), ca.read_bytes()
    if not path.exists() or raw not in path.read_bytes():
        old = path.read_bytes() if path.exists() else b""
        write_atomic(path, old + raw)


# -- witnesses -------------------------------------------------------------------------------------------------------


async def _witnesses(app: App, log: AnchorLog) -> list[Outcome]:
    """Every statement that a witness has not got, the oldest first; a channel gets the newest alone."""
    found = log.read()
    texts = [r for r in found.records if r.get("kind") == "statement"]
    out = []
    for name, witness in app.settings.evidence.witnesses.items():
        mine = texts[-1:] if witness.channel else texts[-BACK:]
        left = [r for r in mine if not found.has(_seq(r), "witness", name)]
        had = [_seq(r) for r in mine if found.has(_seq(r), "witness", name)]
        for record in left:
            try:
                _must_be_the_same(witness, had)
                await SENDERS[_kind(witness)](app, witness, record)
            except BcpError as error:
                out.append(Outcome("witness", name, redact(error.message), error.rule or "witness", error.hint))
                break
            log.add({"kind": "witness", "seq": _seq(record), "name": name, "at": app.clock.now()})
        else:
            if left:
                out.append(Outcome("witness", name, f"has {len(left)} head(s) more"))
    return out


def _seq(record: Mapping[str, Any]) -> int:
    return int(json.loads(str(record["text"]))["seq"])


def _kind(witness: WitnessSettings) -> str:
    return "folder" if witness.folder is not None else ("url" if witness.url is not None else "channel")


def _kept(record: Mapping[str, Any]) -> str:
    """What a witness keeps: the signed statement as one JSON object."""
    return canonical({"text": record["text"], "signature": record["signature"]})


def _must_be_the_same(witness: WitnessSettings, had: Sequence[int]) -> None:
    """An empty mount point is a folder, too: what is written there is hidden when the share is mounted again, and would
    look as if the witness had lost it. Raises ``Permanent`` (``witness-gone``)."""
    folder = witness.folder
    if folder is None or not had or not folder.is_dir() or (folder / f"{had[-1]:08d}.json").exists():
        return
    text = f"{folder} holds nothing of what this witness took: the head {had[-1]} is not there"
    hint = "Is the share mounted? A witness that lost what it had gets a new name: evidence: witnesses:"
    raise Permanent(text, rule="witness-gone", hint=hint)


async def _folder(app: App, witness: WitnessSettings, record: Mapping[str, Any]) -> None:
    folder = witness.folder
    assert folder is not None
    if not folder.is_dir():  # a share that is not mounted must not become a folder of ours
        raise Permanent(f"{folder} is not there", rule="witness-gone", hint="Is the share mounted?")
    path = folder / f"{_seq(record):08d}.json"
    if path.exists() and path.read_text(encoding="utf-8") != _kept(record):
        text = f"{path} is there and is another one: the evidence here, or there, was written anew"
        raise Permanent(text, rule="witness-differs", hint="bcp audit verify")
    write_atomic(path, _kept(record), mode=0o644)


async def _url(app: App, witness: WitnessSettings, record: Mapping[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    if witness.token is not None:
        headers["Authorization"] = f"Bearer {witness.token.reveal()}"
    http = Http(connections=1)
    try:
        reply = await http.request(
            "POST", str(witness.url), headers=headers, data=_kept(record).encode(), timeout_s=WITNESS_S, fresh=True
        )
    finally:
        await http.close()
    if not 200 <= reply.status < 300:
        text = f"it answers {reply.status}"
        raise Permanent(text, rule="witness-refused", hint="Does it take a POST with JSON?")


async def _channel(app: App, witness: WitnessSettings, record: Mapping[str, Any]) -> None:
    channel = app.world.channels[str(witness.channel)]
    person = app.people.directory.person(witness.to) if witness.to else None
    if witness.to and person is None:
        raise Invalid(f"there is no contact {witness.to!r}", rule="witness-unknown", hint="evidence: witnesses: to:")
    address = (
        channel.place() if person is None and channel.broadcast else (channel.address_of(person) if person else "")
    )
    if not address:
        text = f"{channel.name} has no address for {witness.to or 'this witness'}"
        raise Invalid(text, rule="witness-unknown", hint="evidence: witnesses: to: a contact with an address there.")
    said = json.loads(str(record["text"]))
    title = f"{said['organisation']}: head {said['seq']} of the evidence"
    body = f"{title} of {iso(float(said['at']))}. Keep this text. {line_of(record)}"
    message = Message("evidence-head", channel.form, "en", title, body)
    await channel.send(Delivery(f"evidence/{said['seq']}/{said['key'][:8]}", address, message, app.clock.now()))


def line_of(record: Mapping[str, Any]) -> str:
    """A signed head as one short line, which ``bcp audit verify --head`` takes: number, digest, key."""
    said = json.loads(str(record["text"]))
    return f"BCP-HEAD {said['seq']} {digest_text(str(record['text']))} {said['key'][:16]}"


SENDERS: Mapping[str, Callable[[App, WitnessSettings, Mapping[str, Any]], Awaitable[None]]] = {
    "folder": _folder,
    "url": _url,
    "channel": _channel,
}
__all__ = ["Outcome", "SigningKey", "Taken", "anchor", "line_of", "statement"]
