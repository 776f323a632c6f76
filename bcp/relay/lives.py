"""What became of every message: lines of the log, one after the other, move messages and their recipients on. Pure.

A queue id without ``enable_long_queue_ids`` (postconf(5)) is used again: a line that begins a message ends whatever had
its id before. Lines that come late, twice or again change nothing that is settled. What is not seen is not counted: a
message counts as accepted when its beginning was seen and the queue had it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from bcp.kit.mail_log import Line
from bcp.relay import said as ev
from bcp.relay.cabinet import Shelf
from bcp.relay.events import MOST, RISK, event_of, probed
from bcp.relay.kin import LATE_S, PIPED, Kin, thrown_away
from bcp.relay.mail import OPEN, Mail, Person
from bcp.relay.sessions import Session

PROBES = "double-bounce@"
"""Whom Postfix's own probes of addresses are from (verify(8), postconf(5): double_bounce_sender)."""
NOT_TRIED = "delivery temporarily suspended"
"""What error(8) says of mail that was not tried at all, before it repeats why another mail was not delivered."""


class Lives(Kin):
    """``sessions`` and what ``changed`` gives have to be kept together with the place in the log."""

    def __init__(self, shelf: Shelf, sessions: dict[str, Session] | None = None, copies: Collection[str] = ()) -> None:
        super().__init__(shelf, sessions)
        self.copies = frozenset(a.lower() for a in copies)

    # -- lines ---------------------------------------------------------------------------------------------------

    def take(self, line: Line) -> bool:
        """One line; True when it meant something."""
        found = event_of(line)
        prefix = "" if line.instance == "postfix" else f"{line.instance}:"
        self.instances.add(prefix)
        if found is None:
            if line.daemon == "smtpd" and line.text.startswith("connect from "):
                self.sessions.pop(f"{prefix}{line.pid}", None)  # the end of the one before was not heard
            return self._probed(prefix, probed(line))
        ident, event = found
        if not ident:
            self._session(f"{prefix}{line.pid}", event, line.at)
            return True
        key = prefix + ident
        begins = _BEGINS.get(type(event))
        if begins not in {Lives._born, Lives._picked_up}:
            self._found_elsewhere(key, prefix, line)
        if begins is not None:
            begins(self, key, prefix, event, line)
            return True
        mail = self._mail(key)
        if mail is None or (mail.over and line.at > mail.last + LATE_S):  # its beginning was not seen
            mail = self._new(key, line.at)
        _GOES_ON[type(event)](self, mail, event, line.at)
        self._touch(mail, line.at)
        return True

    def speaks_of_known(self, line: Line) -> bool:
        """Does it go on with a message that is under way?"""
        found = event_of(line)
        if found is None or not found[0] or type(found[1]) in _BEGINS:
            return False
        prefix = "" if line.instance == "postfix" else f"{line.instance}:"
        self._found_elsewhere(prefix + found[0], prefix, line)
        mail = self._mail(prefix + found[0])
        return mail is not None and not mail.over

    # -- beginnings ----------------------------------------------------------------------------------------------

    def _born(self, key: str, prefix: str, event: Any, line: Line) -> None:
        before = self._mail(key)
        if before is not None:
            if before.client == event.client and before.began == line.at:
                return  # the same line once more
            if not self._late(before, line.at):
                self._end(before, line.at)
        session = self.sessions.setdefault(f"{prefix}{line.pid}", Session())
        mail = before if before is not None and self._late(before, line.at) else self._new(key, line.at)
        mail.origin, mail.counts, mail.client, mail.tls = "smtp", True, event.client, session.tls
        self._touch(mail, line.at)
        session.keys.append(key)
        parents = [m for m in self._anywhere(event.filtered_from) if m is not mail]
        if parents:  # it is being delivered to the filter still
            parent = max(parents, key=lambda m: (not m.over, m.last))
            self._came_from(mail, parent, "filter")
            for person in parent.people:  # the filter's answer was read before
                if person.status == "sent" and person.answer.endswith(f" queued as {key.removeprefix(prefix)}"):
                    person.status = "forwarded"
            self._touch(parent, parent.last)
        self._ruled(mail, session, line.at)

    def _ruled(self, mail: Mail, session: Session, at: float) -> None:
        """What a rule said before the message had its id. Whether it was taken at all is told later."""
        if session.ahead:
            rule, to, sender = session.ahead
            session.ahead = ()
            if rule == "redirect":
                mail.redirected = True
            elif rule == "hold":
                self._held(mail, ev.Held(to, sender), at)
            else:
                self._thrown_away(mail, to, at)

    def _picked_up(self, key: str, prefix: str, event: Any, line: Line) -> None:
        old = prefix + event.requeued_from if event.requeued_from else ""
        mail = self._mail(old) if old else None
        if mail is not None and key not in mail.ids:
            mail.ids.append(key)
            mail.over = False
            mail.rest = "queued" if mail.rest == "unknown" else mail.rest
            self._keys[key] = mail.uid
            self._touch(mail, line.at)
        elif mail is None and not self._begun(key, line.at):
            known = self._mail(key)
            made = known if known is not None and self._late(known, line.at) else self._new(key, line.at)
            made.origin, made.counts = "" if old else "local", not old  # requeued, and what was before was not seen
            made.sender = event.sender if made.sender is None else made.sender
            self._touch(made, line.at)

    def _late(self, before: Mail, at: float) -> bool:
        """Does a line that begins a message come behind others of the same one? A syslog daemon that writes with
        several hands puts lines out of order; an id comes again no sooner than in the next second."""
        return not before.origin and at <= before.began

    def _begun(self, key: str, at: float) -> bool:
        """Is this the same beginning once more? Else whatever had the id before is over."""
        before = self._mail(key)
        if before is None:
            return False
        if before.origin and not before.over and before.began == at:
            return True
        if not self._late(before, at):
            self._end(before, at)
        return False

    def _named(self, key: str, prefix: str, event: Any, line: Line) -> None:
        mail = self._mail(key)
        if mail is not None and mail.over and (mail.message_id == event.message_id or line.at <= mail.last):
            mail.message_id = mail.message_id or event.message_id  # late, or once more
            self._touch(mail, line.at)
            return
        if mail is None or mail.over:
            mail = self._new(key, line.at)
        if not mail.message_id:
            mail.message_id = event.message_id
        self._touch(mail, line.at)
        self._given_back(mail)

    def _notice(self, key: str, prefix: str, event: Any, line: Line) -> None:
        mail, made = self._mail(key), self._mail(prefix + event.ident)
        if made is None or (made.over and made.parent != (mail.uid if mail else "")):
            made = self._new(prefix + event.ident, line.at)
        bounce = event.about == "non-delivery" and event.to_sender
        made.origin, made.counts, made.parent = ("bounce" if bounce else "notice"), False, mail.uid if mail else ""
        self._touch(made, line.at)
        if mail is None or not bounce:
            return
        for person in mail.people:
            if person.status in {"bounced", "expired"} and person.told in {"", "no"}:
                person.told, person.notice = "made", made.uid
        self._touch(mail, line.at)
        self._tell_parent(made)

    # -- what goes on --------------------------------------------------------------------------------------------

    def _queued(self, mail: Mail, event: Any, at: float) -> None:
        if mail.over:
            if mail.sender is None:  # late: it says who, and how many are missing
                mail.sender, mail.size, mail.recipients = event.sender, event.size, event.recipients
            return
        self._accepted(mail, at)
        mail.sender, mail.size = event.sender, event.size
        if not mail.origin and event.sender.startswith(PROBES):
            mail.origin = "notice"
        if len(mail.ids) == 1 or not mail.recipients:  # requeued it has another always_bcc, and is without who got it
            copy = mail.redirected and self.copies and event.recipients > 1  # always_bcc's is redirected with the rest
            mail.recipients = event.recipients - bool(copy)
        if mail.rest == "held":
            mail.rest = "queued"
        for person in mail.people:
            if person.status == "held":
                person.status = "queued"
        self._drop_guesses(mail)

    def _tried(self, mail: Mail, event: Any, at: float) -> None:
        self._accepted(mail, at)
        person = self._person(mail, event.to, event.orig)
        if event.status == "deferred":
            again = person.status == "deferred" and at <= person.at  # the same line, read again
            if person.status in OPEN and not again:
                person.status, person.at, person.answer, person.via = "deferred", at, event.answer, event.via
                person.tries += 1
                person.risky += RISK in event.answer and not event.answer.startswith(NOT_TRIED)
            return
        if person.status == event.status and mail.recipients and mail.unnamed and not mail.over:
            mail.twice += 1  # the same address once more: each has a line of its own
        if person.status == "sent" or (person.status in {event.status, "forwarded"} and person.at == at):
            return
        person.tries += 1
        dropped = event.status == "discarded" or (event.status == "sent" and thrown_away(event.via, event.answer))
        person.status = "removed" if dropped else event.status
        person.at, person.answer, person.via, person.guessed = at, event.answer, event.via, False
        if event.forwarded_as:
            self._forwarded(mail, person, event, at)
        elif event.status == "sent" and event.answer.startswith(PIPED):
            self._piped(mail, person)
        self._drop_guesses(mail)
        self._failed(mail, over=mail.over)
        if mail.origin == "bounce":
            self._tell_parent(mail)

    def _failed(self, mail: Mail, *, over: bool = False) -> None:
        """Nobody hears of what failed when the message is ``over`` without a notice, or is from ``<>``: that has no
        sender (RFC 5321, section 4.5.5), and no line has to say so."""
        for person in mail.people if over or mail.sender == "" else ():
            if person.status in {"bounced", "expired"} and not person.told:
                person.told = "no"

    def _risked(self, mail: Mail, event: Any, at: float) -> None:
        mail.risky += 1
        for person in mail.people:
            person.risky += person.status in OPEN

    def _probed(self, prefix: str, ident: str) -> bool:
        """A question of Postfix's or of a person's, whoever it is from."""
        mail = self._mail(prefix + ident) if ident else None
        if mail is None or mail.origin == "smtp":
            return False
        mail.origin, mail.counts = "notice", False
        self._touch(mail, mail.last)
        return True

    def _given_up(self, mail: Mail, event: Any, at: float) -> None:
        self._accepted(mail, at)
        self._settle_rest(mail, "expired", at, "", OPEN | {"unknown"})
        self._failed(mail, over=mail.over)
        if mail.origin == "bounce":
            self._tell_parent(mail)

    def _gone(self, mail: Mail, event: Any, at: float) -> None:
        if mail.over:
            return
        self._accepted(mail, at)
        if mail.redirected and mail.people and mail.rest in OPEN:
            mail.rest = mail.people[-1].status  # what became of the one became of all
        self._settle_rest(mail, "unknown", at, "it left the queue, and no line says how")
        self._failed(mail, over=True)
        mail.over = True
        if mail.origin == "bounce":
            self._tell_parent(mail)

    def _deleted(self, mail: Mail, event: Any, at: float) -> None:
        self._out_of_queue(mail, "removed", at, "removed from the queue by a person (postsuper)")

    def _corrupt(self, mail: Mail, event: Any, at: float) -> None:
        why = "Postfix could not read its file, and put it aside (its queue corrupt)"
        self._out_of_queue(mail, "unknown", at, why)

    def _out_of_queue(self, mail: Mail, status: str, at: float, why: str) -> None:
        if mail.over:
            return
        self._accepted(mail, at)
        self._settle_rest(mail, status, at, why)
        mail.over = True
        if mail.origin == "bounce":
            self._tell_parent(mail)

    def _held(self, mail: Mail, event: Any, at: float) -> None:
        if mail.over:
            return
        mail.sender = event.sender if mail.sender is None and not event.by_hand else mail.sender
        if event.to and not any(event.to.lower() in p.key for p in mail.people):
            mail.people.append(Person(event.to, status="held", at=at, guessed=True))
        mail.rest = "held"
        for person in mail.people:
            if person.status in OPEN:
                person.status, person.at = "held", at
        if event.by_hand:
            self._accepted(mail, at)

    def _released(self, mail: Mail, event: Any, at: float) -> None:
        if mail.over:
            return
        self._accepted(mail, at)
        mail.rest = "queued" if mail.rest == "held" else mail.rest
        for person in mail.people:
            if person.status == "held":
                person.status, person.at = "queued", at

    def _turned_away(self, mail: Mail, event: Any, at: float) -> None:
        if not mail.accepted:
            mail.over, mail.counts, mail.rest = True, False, "refused"

    def _redirected(self, mail: Mail, event: Any, at: float) -> None:
        mail.redirected = True

    def _discarded(self, mail: Mail, event: Any, at: float) -> None:
        if mail.over:
            return
        self._accepted(mail, at)
        self._thrown_away(mail, event.to, at)

    def _thrown_away(self, mail: Mail, to: str, at: float) -> None:
        if to and not any(to.lower() in p.key for p in mail.people):
            mail.people.append(Person(to, status="queued", at=at, guessed=True))
        self._settle_rest(mail, "removed", at, "thrown away by a rule of the relay (discard)")

    # -- recipients ----------------------------------------------------------------------------------------------

    def _person(self, mail: Mail, to: str, orig: str) -> Person:
        key = (to.lower(), orig.lower())
        for person in mail.people:
            if person.key == key:
                return person
        for person in mail.people:  # a rule or a listing named it before a delivery did
            if person.guessed and not person.orig and person.to.lower() in key:
                person.to, person.orig, person.guessed = to, orig, False
                return person
        status = mail.rest if mail.rest in OPEN or mail.over else "queued"
        made = Person(to, orig, status, risky=mail.risky)
        mail.people.append(made)
        return made

    def _drop_guesses(self, mail: Mail) -> None:
        while mail.recipients and len(mail.people) + mail.twice > mail.recipients:
            guess = next((p for p in mail.people if p.guessed), None)
            if guess is None:
                return
            mail.people.remove(guess)

    def _settle_rest(self, mail: Mail, status: str, at: float, why: str, of: Collection[str] = OPEN) -> None:
        for person in mail.people:
            if person.status in of:
                last = person.answer
                person.status, person.at, person.answer = status, at, (why or last)
        if mail.rest in of:
            mail.rest = status

    def _end(self, mail: Mail, at: float) -> None:
        """Its id has begun another message, and the end of this one was not seen."""
        if mail.over:
            return
        mail.over = True
        if mail.accepted:
            self._settle_rest(mail, "unknown", at, "its queue id was used again, and no line says how it ended")
        self._touch(mail, mail.last)

    # -- listings ------------------------------------------------------------------------------------------------

    def listed(self, key: str, queue: str, people: Collection[tuple[str, str]], at: float) -> None:
        """A listing of the queue names recipients that no line has named yet: (address, why it waits)."""
        mail = self._mail(key)
        if mail is None or mail.over:
            return
        self._accepted(mail, at)
        if all_of_it := queue == "hold" and not mail.recipients:  # a rule named one, perhaps one that became others
            there = {address.lower() for address, _ in people}
            mail.people = [p for p in mail.people if not p.guessed or p.to.lower() in there]
        for address, why in people:
            if not any(address.lower() == p.to.lower() for p in mail.people):
                status = "held" if queue == "hold" else "deferred" if why else "queued"
                mail.people.append(Person(address, status=status, at=at, answer=why[:MOST], guessed=True))
        mail.recipients = len(mail.people) if all_of_it else mail.recipients
        self._touch(mail, mail.last)

    def vanished(self, key: str, at: float) -> None:
        """A message that the log has in the queue, and the queue has not: its last lines are lost."""
        mail = self._mail(key)
        if mail is None or mail.over:
            return
        self._settle_rest(mail, "unknown", at, "it is not in the queue any more, and no line says how it left")
        mail.over = True
        self._touch(mail, at)  # lines that were written until now, and are read later, are of this one still


_BEGINS: dict[type, Callable[[Lives, str, str, Any, Line], None]] = {
    ev.Born: Lives._born,
    ev.PickedUp: Lives._picked_up,
    ev.Named: Lives._named,
    ev.Notice: Lives._notice,
}
_GOES_ON: dict[type, Callable[[Lives, Mail, Any, float], None]] = {
    ev.Queued: Lives._queued,
    ev.Tried: Lives._tried,
    ev.Risked: Lives._risked,
    ev.GivenUp: Lives._given_up,
    ev.Gone: Lives._gone,
    ev.Corrupt: Lives._corrupt,
    ev.Deleted: Lives._deleted,
    ev.Held: Lives._held,
    ev.Released: Lives._released,
    ev.TurnedAway: Lives._turned_away,
    ev.Discarded: Lives._discarded,
    ev.Redirected: Lives._redirected,
}
