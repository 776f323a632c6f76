"""A message that the relay had, and each of its recipients, as the agent keeps them and as batches carry them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OPEN = frozenset({"queued", "held", "deferred"})
"""Fates that are still to come."""
FINAL = frozenset({"sent", "bounced", "expired", "removed", "unknown", "forwarded"})
"""``removed``: by a person or a rule. ``unknown``: it left the queue, and no line says how. ``forwarded``: it lives on
under another queue id of this relay, where its fate is told."""
KNOWN = OPEN | FINAL
COUNTED = frozenset({"smtp", "local", "filter"})
"""Origins of mail that was accepted: by SMTP, from this machine, given back by a content filter."""
OWN = frozenset({"bounce", "notice"})
"""Origins of messages that the relay itself made."""


@dataclass(slots=True)
class Person:
    """One recipient of one message."""

    to: str
    """The address that it is delivered to, as Postfix wrote it."""
    orig: str = ""
    """The address that the sender used, where an alias changed it."""
    status: str = "queued"
    at: float = 0.0
    """When this was said."""
    answer: str = ""
    """Why, or the next hop's own answer."""
    via: str = ""
    """The next hop: ``host[address]:port``, or a transport of the relay's own."""
    tries: int = 0
    risky: int = 0
    """Tries that ended while the next hop was to confirm: it may have taken the message all the same."""
    told: str = ""
    """Of a bounce: ``no``; ``made`` (a message to the sender is under way), ``told``, ``failed``; empty: not yet."""
    guessed: bool = False
    """Named by a rule that held it, or by a listing: the delivery may name it otherwise."""
    notice: str = ""
    """``uid`` of the message that tells the sender: one mail may have several, each about others of its recipients."""

    @property
    def key(self) -> tuple[str, str]:
        """Postfix takes addresses that differ in case for one (cleanup(8), duplicate elimination)."""
        return self.to.lower(), self.orig.lower()


@dataclass(slots=True)
class Mail:
    """One message, through all queue ids that it had."""

    uid: str
    """Its first queue id and second: the same whenever the same log is read again."""
    ids: list[str]
    began: float
    origin: str = ""
    """``smtp``, ``local``, ``filter``, ``bounce``, ``notice``, ``forward``; empty: its beginning was not seen."""
    counts: bool = False
    """Is it mail that was accepted? What the relay made itself is not, nor what a look from the middle began with."""
    accepted: float = 0.0
    """When it was in the queue; 0: it was not, or not yet."""
    sender: str | None = None
    size: int = 0
    message_id: str = ""
    client: str = ""
    tls: str = ""
    recipients: int = 0
    """How many, as qmgr said; 0: it did not."""
    rest: str = "queued"
    """The fate of recipients that no line has named."""
    over: bool = False
    last: float = 0.0
    """When the log spoke of it last."""
    parent: str = ""
    """``uid`` of the message that it is about, or that it comes from."""
    people: list[Person] = field(default_factory=list)
    risky: int = 0
    """Tries at one of the next hop's hosts that may have taken it, before the next one was tried."""
    twice: int = 0
    """How many of its recipients are one of ``people`` once more: senders may name an address again (with another
    ORCPT or NOTIFY, RFC 3461), and Postfix delivers to it again."""
    redirected: bool = False
    """A rule exchanged all recipients for one: lines name that one, and what becomes of it became of all."""

    @property
    def unnamed(self) -> int:
        """Recipients that no line has named."""
        missing = self.recipients - len(self.people) - self.twice
        return max(missing, 0 if self.people or self.recipients else 1)

    @property
    def uncounted(self) -> bool:
        """A rule put it on hold before the queue said how many recipients it has: only a listing tells."""
        return self.rest == "held" and not self.recipients and not self.over

    def to_data(self) -> dict[str, Any]:
        """As JSON has it."""
        rows = [
            [p.to, p.orig, p.status, p.at, p.answer, p.via, p.tries, p.risky, p.told, int(p.guessed)]
            for p in self.people
        ]
        notices = {"notices": [p.notice for p in self.people]} if any(p.notice for p in self.people) else {}
        return {
            "uid": self.uid, "ids": self.ids, "began": self.began, "origin": self.origin, "counts": self.counts,
            "accepted": self.accepted, "from": self.sender, "size": self.size, "mid": self.message_id,
            "client": self.client, "tls": self.tls, "n": self.recipients, "rest": self.rest, "over": self.over,
            "last": self.last, "parent": self.parent, "to": rows,
            **notices, **({"twice": self.twice} if self.twice else {}), **({"risky": self.risky} if self.risky else {}),
            **({"redirected": 1} if self.redirected else {}),
        }  # fmt: skip


def mail_of(data: Mapping[str, Any]) -> Mail:
    """Back from ``to_data``. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    people = [
        Person(str(to), str(orig), str(status), float(at), str(answer), str(via), int(tries), int(risky), str(told),
               bool(guessed))
        for to, orig, status, at, answer, via, tries, risky, told, guessed in data["to"]
    ]  # fmt: skip
    for person, notice in zip(people, data.get("notices") or (), strict=False):
        person.notice = str(notice)
    sender = data["from"]
    return Mail(
        str(data["uid"]), [str(i) for i in data["ids"]], float(data["began"]), str(data["origin"]),
        bool(data["counts"]), float(data["accepted"]), None if sender is None else str(sender), int(data["size"]),
        str(data["mid"]), str(data["client"]), str(data["tls"]), int(data["n"]), str(data["rest"]),
        bool(data["over"]), float(data["last"]), str(data["parent"]), people,
        int(data.get("risky", 0)), int(data.get("twice", 0)), bool(data.get("redirected", 0)),
    )  # fmt: skip
