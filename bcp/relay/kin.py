"""Messages that come of another one: forwarded, given back by a content filter, or about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from bcp.kit.mail_log import Line
from bcp.relay.events import QUEUE_MANAGERS
from bcp.relay.mail import COUNTED, Mail, Person
from bcp.relay.sessions import Sessions

_NEAR = re.compile(r"\[(?:127\.|::1\]|[^\[\]]*/)")
"""Addresses of this machine, and sockets in its file system."""
_ADDRESS = re.compile(r"\[([^\[\]]+)\]")
_DROPPED = re.compile(r"250 \S+ Ok, discarded\b")
"""What amavisd(8) says of a message that it threw away (D_DISCARD)."""
PIPED = "delivered via "
"""What pipe(8) says of a program that took a message: a mailbox, or a filter that gives it back by sendmail(1)."""
LATE_S = 60.0
"""Lines about a message that is over come at most so late; later ones are about another one under the same id."""
NEAR = 500
"""Messages that are looked through for one that is the same."""


class Kin(Sessions):
    """A recipient of a message that lives on under another id is told of there."""

    def _forwarded(self, mail: Mail, person: Person, event: Any, at: float) -> None:
        """Does it live on here, under another id? local(8) says so; a content filter gives it back from here."""
        instance = mail.ids[-1].rpartition(":")[0]
        prefix = f"{instance}:" if instance else ""
        key, by_local = prefix + event.forwarded_as, event.answer.startswith("forwarded as")
        if by_local:
            child = self._mail(key) or self._new(key, at)
        else:
            near = [m for m in self._anywhere(event.forwarded_as) if _given_back_by(m, mail, event.via)]
            child = max(near, key=lambda m: m.last, default=mail)
        if child is mail:
            return
        self._came_from(child, mail, "forward" if by_local else "filter")
        person.status = "forwarded"

    def _piped(self, mail: Mail, person: Person) -> None:
        """Has the program given it back already? It is the same message, picked up here since."""
        known = any(p.status == "forwarded" and p.via == person.via for p in mail.people)
        child = next((m for m in self._newest() if m.origin == "local" and _same(m, mail)), None)
        if child is not None:
            self._came_from(child, mail, "filter")
        if child is not None or known:
            person.status = "forwarded"

    def _given_back(self, child: Mail) -> None:
        """A message that was picked up has its Message-ID: was it with a program until then?"""
        for mail in self._newest() if child.origin == "local" else ():
            if _same(child, mail) and (piped := [p for p in mail.people if p.answer.startswith(PIPED)]):
                self._came_from(child, mail, "filter")
                for person in piped:
                    person.status = "forwarded"
                self._touch(mail, mail.last)
                return

    def _newest(self) -> Iterator[Mail]:
        return islice(reversed(self._mails.values()), NEAR)

    def _anywhere(self, ident: str) -> list[Mail]:
        """The last messages of this queue id in each instance of Postfix on this machine; none for no id."""
        found = (self._mail(prefix + ident) for prefix in sorted(self.instances)) if ident else ()
        return [m for m in found if m is not None]

    def _found_elsewhere(self, key: str, prefix: str, line: Line) -> None:
        """A service of one instance may have a syslog_name of its own (``-o syslog_name=postfix-slow`` in master.cf):
        what it says is of the message that waits under this queue id, whatever name the others have. The name that the
        queue goes by is the one of whoever owns it."""
        if len(self.instances) == 1 and prefix in self.instances:
            return
        known = self._mail(key)
        if known is not None and not (known.over and line.at > known.last + LATE_S):
            return
        there = [m for m in self._anywhere(key.removeprefix(prefix)) if not m.over]
        if line.daemon in QUEUE_MANAGERS:  # of another queue, where one has spoken of that message already
            there = [m for m in there if m.sender is None]
        elif line.daemon == "cleanup":
            there = [m for m in there if not m.message_id]
        if not there:
            return
        mail = max(there, key=lambda m: m.last)
        self._keys[key] = mail.uid
        if line.daemon == "cleanup" or line.daemon in QUEUE_MANAGERS:
            mail.ids[-1] = key
            self._touch(mail, mail.last)

    def _came_from(self, child: Mail, parent: Mail, origin: str) -> None:
        child.origin, child.parent, child.counts = origin, parent.uid, parent.counts
        self._touch(child, child.last)

    def _tell_parent(self, notice: Mail) -> None:
        """Whether the sender heard of it is what became of the message about it."""
        if not any(p.status != "queued" for p in notice.people) or not notice.parent:
            return
        parent = self._by_uid(notice.parent)
        if parent is None:
            return
        final = {p.status for p in notice.people}
        told = "told" if "sent" in final else "failed" if final <= {"bounced", "expired", "removed"} else "made"
        for person in parent.people:
            if person.told in {"made", "failed"} and person.notice in {"", notice.uid}:
                person.told = told
        self._touch(parent, parent.last)


def _near(host: str) -> bool:
    """Is it this machine?"""
    return bool(_NEAR.search(host))


def _given_back_by(child: Mail, mail: Mail, via: str) -> bool:
    """Is ``child`` what the next hop ``via`` made of ``mail``? It is a filter on this machine, says so (XFORWARD), or
    came with the same message from where it was sent."""
    if child.parent == mail.uid or (_near(child.client) and _near(via)):
        return True
    there, here = _ADDRESS.search(via), _ADDRESS.search(child.client)
    return bool(there and here and there[1] == here[1]) and child.message_id == mail.message_id != ""


def thrown_away(via: str, answer: str) -> bool:
    """Did a filter on this machine take a message to throw it away?"""
    return bool(_NEAR.search(via) and _DROPPED.match(answer))


def _same(child: Mail, mail: Mail) -> bool:
    """May ``child`` be this message, given back?"""
    named = child.message_id == mail.message_id != ""
    return named and child is not mail and mail.origin in COUNTED
