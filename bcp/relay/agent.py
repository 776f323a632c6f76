"""The agent: reads on in the log, keeps what it means together with the place, and cuts batches of what changed."""

from __future__ import annotations

import contextlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, Protocol

from bcp.kernel.errors import Refused, StorageError
from bcp.kit.log_dates import Dating
from bcp.kit.mail_log import Reader
from bcp.relay.batch import BATCH, REPLY, Request, digest, is_sealed, seal, unseal
from bcp.relay.follow import Follower, Piece
from bcp.relay.kin import NEAR
from bcp.relay.listen import Listener
from bcp.relay.listing import listing as _listing
from bcp.relay.lives import Lives
from bcp.relay.mail import Mail, mail_of
from bcp.relay.place import Place, place_of
from bcp.relay.sessions import Session
from bcp.store.sqlite.relay_agent import AgentStore, Kept

AT_HAND = 1500
"""Messages that are kept in memory."""
BATCH_MAILS = 2000
"""Messages in one batch."""
SAID = 200
"""Remarks that are kept."""
SESSIONS, PULSE_S = 1000, 30.0
"""SMTP sessions that are remembered; how often it writes down that it is alive."""
NOT_KEPT = "its ledger cannot be written, and nothing is read until it can"
VANISHED_S = 600.0
"""A message that is not in the queue's listing counts as gone when the log has not spoken of it for so long."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an agent is set up. ``log``: a file; without one it is journald's."""

    relay: str
    state: Path
    log: Path | None = None
    zone: tzinfo | None = None
    names: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    back_s: float = 7 * 86_400.0
    keep_s: float = 60 * 86_400.0


class Source(Protocol):
    """Where lines come from."""

    problem: str

    def pieces(self, now: float) -> Any:
        """All that is new, in pieces (``bcp.relay.follow.Piece``)."""


class _Shelf:
    """The store, as ``Lives`` looks into it."""

    def __init__(self, store: AgentStore) -> None:
        self._store = store

    def by_key(self, key: str) -> Mail | None:
        """The last message under this queue id."""
        return _mail(self._store.by_key(key))

    def by_uid(self, uid: str) -> Mail | None:
        """One message."""
        return _mail(self._store.by_uid(uid))


def _mail(text: str) -> Mail | None:
    return mail_of(json.loads(text)) if text else None


class Agent:
    """One process follows one log. ``source``: makes what lines come from, of a place."""

    def __init__(
        self,
        options: Options,
        store: AgentStore,
        zone: tzinfo,
        source: Callable[[Place, Callable[[str, str], None]], Source] | None = None,
    ) -> None:
        self.options, self.store, self._zone = options, store, zone
        self._make = source or self._file
        self._remarks: list[list[Any]] = []
        self.now = self._kept_at = 0.0
        self.doubt = ""
        """Why its log may lack lines that nobody misses; empty: there is no reason."""
        self._problem = ""
        self.load()

    def _file(self, place: Place, say: Callable[[str, str], None]) -> Source:
        assert self.options.log is not None
        return Follower(self.options.log, place, say, self.options.back_s)

    def load(self) -> None:
        """As the store has it: at the beginning, and whenever something could not be kept."""
        self.place = place_of(self.store.get("place"))
        self._remarks = json.loads(self.store.get("said") or "[]")
        sessions = {
            k: Session(tls, list(ids), tuple(ahead))
            for k, (tls, ids, *ahead) in json.loads(self.store.get("sessions") or "{}").items()
        }
        dating = Dating(self._zone, self.now, self.place.last)
        self.lives = Lives(_Shelf(self.store), sessions, self.options.copies)
        self.lives.instances.update(json.loads(self.store.get("instances") or "[]"))
        self.lives.recall(m for m in map(_mail, self.store.newest(NEAR)) if m)
        self.listener = Listener(Reader(dating, self.options.names), self.lives)
        self.listener.counted.update(json.loads(self.store.get("counted") or "{}"))
        self.listener.sample = self.store.get("sample")
        self.listener.export.stands_at(self.store.get("export"))
        self.close()
        self.source = self._make(self.place, self.say)

    def close(self) -> None:
        """End what lines come from: journald's reader is a process."""
        end = getattr(getattr(self, "source", None), "close", None)
        if end is not None:
            end()

    @property
    def problem(self) -> str:
        """Why nothing is read now; empty when all is well."""
        return self.source.problem or self.listener.problem

    def say(self, code: str, text: str) -> None:
        """A remark that goes to the main node."""
        number = 1 + (self._remarks[-1][0] if self._remarks else 0)
        self._remarks = [*self._remarks[1 - SAID :], [number, self.now, code, text[:300]]]

    def say_once(self, code: str, text: str, now: float) -> None:
        """The same, unless it was said before."""
        self.now = now
        if not any(row[2:] == [code, text[:300]] for row in self._remarks):
            self.say(code, text)

    def step(self, now: float) -> int:
        """Read all that is new; how many lines. Raises ``StorageError``; what could not be kept is read again."""
        self.now = self.listener.reader.dating.now = now
        before, remarks = self.listener.counted.total(), len(self._remarks) and self._remarks[-1][0]
        try:
            for piece in self.source.pieces(now):
                self._take(piece)
            said = self._remarks and self._remarks[-1][0] != remarks
            if said or self.problem != self._problem or now - self._kept_at >= PULSE_S:
                self._keep()
        except StorageError:
            self.store.reopen()
            self.load()
            raise
        return self.listener.counted.total() - before

    def cannot_keep(self, why: str) -> None:
        """Say so to whoever asks, as far as even that can be kept: a word needs less room than what was read."""
        with contextlib.suppress(StorageError):
            self.store.keep([("problem", f"{NOT_KEPT}: {why}")], [])

    def heartbeat(self, now: float) -> None:
        """Write down that it is alive, and what is to be said."""
        self.now = now
        self._keep()

    def _take(self, piece: Piece) -> None:
        self.listener.hear(piece.lines)
        if piece.half:
            self.listener.half(piece.half)
        if self.listener.gap:
            self.say("log-unread", self.listener.gap)
            self.listener.gap = ""
        self._keep()

    def _keep(self) -> None:
        """One commit: the place, and what was read up to there means."""
        self.place.last, self._kept_at = self.listener.reader.dating.last, self.now
        self._problem = self.problem
        for pid in list(self.lives.sessions)[:-SESSIONS]:
            del self.lives.sessions[pid]
        self.store.keep(
            [
                ("place", self.place.to_json()),
                ("sessions", json.dumps({k: [s.tls, s.keys, *s.ahead] for k, s in self.lives.sessions.items()})),
                ("instances", json.dumps(sorted(self.lives.instances))),
                ("counted", json.dumps(self.listener.counted)),
                ("sample", self.listener.sample),
                ("export", self.listener.export.to_json()),
                ("said", json.dumps(self._remarks)),
                ("now", repr(self.now)),
                ("problem", self.problem),
                ("doubt", self.doubt),
            ],
            [_kept(m, key) for m in self.lives.changed() for key in m.ids[-1:]],
        )
        self.lives.forget(AT_HAND)

    # -- the queue's own listing -----------------------------------------------------------------------------------

    def want_listing(self, now: float) -> bool:
        """Is there a message of which no line names a recipient, or that nothing was heard of for long?"""
        return any(
            m.uncounted or (m.accepted and (m.unnamed or m.last < now - VANISHED_S))
            for m in map(_mail, self.store.open_before(now - 60.0))
            if m
        )

    def list_queue(self, text: str, now: float) -> None:
        """What ``postqueue -j`` printed, taken at ``now``; the log was read since. A listing that cannot be read says
        nothing; while the log cannot be, nothing is missed in one."""
        shown = _listing(text)
        if shown is None:
            self.say("queue-unreadable", "the queue's listing is not what postqueue -j prints")
            return
        old = map(_mail, self.store.open_before(now - VANISHED_S))
        waiting = {m.ids[-1] for m in old if m and (m.accepted or m.uncounted)}
        for key, (queue, people) in shown.items():
            self.lives.listed(key, queue, people, now)
        for key in waiting - shown.keys() if not self.problem else ():
            self.lives.vanished(key, now)
        self._keep()

    # -- old ones --------------------------------------------------------------------------------------------------

    def forget(self, now: float) -> int:
        """Let go of what is over for long, and was told."""
        return self.store.forget(now - self.options.keep_s)


def _kept(mail: Mail, key: str) -> Kept:
    body = json.dumps(mail.to_data(), separators=(",", ":"))
    return Kept(mail.uid, key, mail.over, mail.accepted > 0 or mail.uncounted, mail.last, body)


class Desk:
    """Answers the main node out of the store; beside the agent, in a thread or a process of its own."""

    def __init__(self, options: Options, store: AgentStore, key: bytes, most: int = 0) -> None:
        self.options, self.store, self._key, self._most = options, store, key, most

    def check(self, request: Request, seal_: str) -> None:
        """Raises ``Refused`` (``ask-forged``, ``other-relay``)."""
        if not hmac.compare_digest(seal_.encode(), request.sealed(self._key).encode()):
            text = f"the request is not sealed with our key, or is for another relay than {self.options.relay}"
            raise Refused(text, rule="ask-forged")
        if request.relay != self.options.relay:
            raise Refused(f"this is {self.options.relay}, not {request.relay}", rule="other-relay")

    def answer(self, request: Request, now: float) -> bytes:
        """The batch that comes next, and how things stand. Asked again, it says the same. Where nothing can be written,
        there is no batch, and it says that."""
        try:
            self.store.asked(now)
            return self._answer(request, now)
        except StorageError as error:
            self.store.reopen()
            stream, why = self.store.get("stream"), f"{NOT_KEPT}: {error.message}"
            return self._reply(request, now, stream, b"", {"problem": why})

    def _answer(self, request: Request, now: float) -> bytes:
        why = self._follow(request) or self._sealed_by_another(request)
        stream, last = self._stream(), self.store.last_batch()[0]
        after = request.after if request.stream == stream else 0
        raw = self.store.batch(after + 1)
        if not raw and after == last:
            raw = self._cut(stream, after + 1, now)
        return self._reply(request, now, stream, raw, {"why": why})

    def _reply(self, request: Request, now: float, stream: str, raw: bytes, more: Mapping[str, str]) -> bytes:
        head = {
            "relay": self.options.relay,
            "stream": stream,
            "nonce": request.nonce,
            "now": now,
            "last": self.store.last_batch()[0],
            "heard": place_of(self.store.get("place")).last,
            "read": float(self.store.get("now") or 0),
            "problem": self.store.get("problem"),
            "doubt": self.store.get("doubt"),
            "counted": json.loads(self.store.get("counted") or "{}"),
            "sample": self.store.get("sample"),
            "batch": digest(raw) if raw else "",
            **more,
        }
        sealed = seal(self._key, REPLY, head)
        return b"%d\n" % len(sealed) + sealed + raw

    def _stream(self) -> str:
        """Its chain of batches. One that was told under another name of the relay is over: the main node would refuse
        it."""
        found = self.store.get("stream")
        if not found or self._told_as() != self.options.relay:
            found = secrets.token_hex(8)
            self._anew(found)
        return found

    def _told_as(self) -> str:
        """The name under which the last batch was told."""
        if name := self.store.get("relay"):
            return name
        raw = self.store.last_batch()[2]
        try:  # kept by an agent that did not note it
            return str(unseal(self._key, BATCH, raw)["relay"]) if raw else self.options.relay
        except (Refused, KeyError):
            return self.options.relay

    def _anew(self, stream: str) -> None:
        self.store.begin_anew([("stream", stream), ("told", "0"), ("relay", self.options.relay)])

    def _follow(self, request: Request) -> str:
        """Go on where the main node stands; where that cannot be, begin anew. Returns why."""
        stream, (last, _, _) = self._stream(), self.store.last_batch()
        if request.stream == stream and request.after <= last:
            self.store.drop_batches(request.after)
            if request.after == last or self.store.batch(request.after + 1):
                return ""
            why = "batches that were acknowledged are asked for again"
        elif request.stream == stream:
            why = "the main node has more than this agent: its file is an older copy"
        elif last == 0 or self.store.batch(1):
            return ""
        else:
            why = "the main node does not know this chain"
        self._anew(secrets.token_hex(8))
        return why

    def _sealed_by_another(self, request: Request) -> str:
        """A batch that waits since before the key was changed would be refused for ever: all is told anew."""
        raw = self.store.batch(request.after + 1 if request.stream == self._stream() else 1)
        if not raw or is_sealed(self._key, BATCH, raw):
            return ""
        self._anew(secrets.token_hex(8))
        return "the key was changed while a batch waited"

    def _cut(self, stream: str, seq: int, now: float) -> bytes:
        """The next batch, kept before it leaves; empty when nothing changed."""
        _, upto, before = self.store.last_batch()
        bodies, reached = self.store.changes(upto, self._most or BATCH_MAILS)
        told = int(self.store.get("told") or 0)
        remarks = [r for r in json.loads(self.store.get("said") or "[]") if r[0] > told]
        if not bodies and not remarks:
            return b""
        data = {
            "relay": self.options.relay,
            "stream": stream,
            "seq": seq,
            "prev": digest(before) if before else "",
            "made": now,
            "mails": [json.loads(b) for b in bodies],
            "copies": list(self.options.copies),
            "said": remarks,
        }
        raw = seal(self._key, BATCH, data)
        self.store.add_batch(seq, reached, raw, [("told", str(remarks[-1][0] if remarks else told))])
        return raw
