"""The controller of a shaped drain: which mails go now, and how fast. Pure: queue and time come in, ids come out.

First a few (the canary), and nothing else until they are through. Then at the rate that ``pace`` finds. No mailbox and
no pair of sender and mailbox gets more than its share. Refusals for good in a burst stop everything: the relay keeps
the mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from bcp.contracts.drain import DrainState, Wish
from bcp.contracts.relay import QueuedMail
from bcp.contracts.relay_machine import DrainSettings
from bcp.drain.pace import Pace, Window
from bcp.drain.plan import capacity, forecast, order
from bcp.drain.words import HOUR_S, Reading, Told, read

BURST_S = 60.0
AHEAD_S = 10.0
"""Mails on their way at the last look: no more than so many seconds' worth, and ``AHEAD`` at least. Postfix may be the
slower one."""
AHEAD = 20
LATE_S = 1.5
"""Mails that could have gone meanwhile and did not may go afterwards, for so many seconds."""
AT_ONCE_S = 0.5
"""But no more than so many seconds' worth at a time: an Exchange that counts by the second throttles a burst."""
NOT_TRIED_S = 300.0
"""A mail that was released so long ago, and lies there without a word of why, was not tried."""
TRIES = 2
"""A canary that came back so often while others are through tells of itself, not of the way."""
ON_HOLD = "hold"
"""Postfix's queue of what a person put aside (postsuper(1), ``-h``): releasing it is not ours to do."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A mail that a look did not show. A listing that is written while mails move may pass one over (showq(8))."""

    arrived: float
    released: float | None
    canary: bool
    refused: str


@dataclass(slots=True)
class Bucket:
    """Tokens that fill again."""

    per_s: float
    size: float
    left: float
    at: float

    def look(self, now: float) -> float:
        """How many there are."""
        self.left = min(self.size, self.left + max(0.0, now - self.at) * self.per_s)
        self.at = now
        return self.left


def _tried(mail: QueuedMail, released: float, looked_at: float) -> bool:
    """Did a look that began then show that the try is over?"""
    if mail.queue == ON_HOLD:
        return True
    over = released if mail.reason else released + NOT_TRIED_S
    return over < looked_at and mail.queue in {"", "deferred"}


@dataclass(slots=True)
class Controller:
    """One drain. All times are of one steady clock."""

    shape: DrainSettings
    now: float
    wish: Wish = ""
    gone: int = 0
    throttled: int = 0
    why: str = ""
    waiting: list[QueuedMail] = field(default_factory=list)
    """In the order in which they go."""
    silent: dict[str, QueuedMail] = field(default_factory=dict)
    """What lies at hosts that do not answer, as they showed it last, by queue id."""
    away: dict[str, float] = field(default_factory=dict)
    """On their way, by queue id: when they were released."""
    refused: dict[str, str] = field(default_factory=dict)
    """Refused for good, by queue id: in whose words."""
    _canaries: dict[str, int] = field(default_factory=dict)
    """The first few that are not through yet, and how often each came back: until then nothing else goes."""
    _through: set[str] = field(default_factory=set)
    """Canaries that are."""
    _absent: dict[str, Absent] = field(default_factory=dict)
    """What is counted as gone."""
    looked: bool = False
    """Was the queue seen at all?"""
    looked_at: float = 0.0
    """When the last look began."""
    empty_looks: int = 0
    """So many in a row showed nothing."""
    _seconds_left: float | None = None
    _held: dict[str, float] = field(default_factory=dict)
    """Not before this time, by queue id or by mailbox."""
    _tokens: Bucket = field(default_factory=lambda: Bucket(0, 1, 1, 0))
    _boxes: dict[tuple[str, ...], Bucket] = field(default_factory=dict)
    _pace: Pace = field(init=False)
    _refusals: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        shape = self.shape
        self._pace = Pace(shape.rate, shape.first_rate, shape.step, Window(self.now))
        self._tokens = Bucket(self.rate, max(1.0, self.rate * LATE_S), 1.0, self.now)

    # -- how it stands -----------------------------------------------------------------------------------------------

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self._pace.rate

    @property
    def ceiling(self) -> float:
        """The most that Exchange was found to take; 0: not known."""
        return self._pace.ceiling

    @property
    def state(self) -> DrainState:
        """Now."""
        if self.why or self.wish == "stop":
            return "stopped"
        if self.wish == "pause":
            return "paused"
        if self.looked and not self.waiting and not self.silent:
            return "done"
        return "canary" if self._canaries else "running"

    @property
    def stuck(self) -> bool:
        """Nothing of what is left can go: refused for good, or put on hold."""
        return bool(self.waiting) and not any(map(self._open, self.waiting))

    @property
    def idle(self) -> bool:
        """Is all that can go on its way, or are the canaries? Only the next look tells what comes of it."""
        if self._canaries:
            return self._canaries.keys() <= self.away.keys()
        return all(m.queue_id in self.away for m in self.waiting if self._open(m))

    @property
    def on_hold(self) -> int:
        """Messages that a person at the relay put on hold."""
        return sum(m.queue == ON_HOLD for m in self.waiting)

    def _open(self, mail: QueuedMail) -> bool:
        """Can it go at all?"""
        return mail.queue != ON_HOLD and mail.queue_id not in self.refused

    def seconds_left(self) -> float:
        """Forecast from the last look."""
        if self._seconds_left is None:
            left = [m for m in self.waiting if self._open(m)]
            rate, seen = self.rate, self._pace.seen
            top = min(self.ceiling, seen) if self.ceiling and seen else self.ceiling or seen
            self._seconds_left = forecast(left, self.shape, rate=min(rate, seen or rate), ceiling=top).seconds
        return self._seconds_left

    # -- what is seen ------------------------------------------------------------------------------------------------

    def see(self, mails: Iterable[QueuedMail], looked_at: float, now: float, unheard: Iterable[str] = ()) -> None:
        """A look at the relay's queue that began at ``looked_at``. ``unheard``: hosts that did not answer."""
        there, silent = {m.queue_id: m for m in mails}, tuple(f"@{host}" for host in unheard)
        known = {**self.silent, **{m.queue_id: m for m in self.waiting}}
        self.silent = {}
        for mail in [m for i, m in known.items() if i not in there]:
            if silent and mail.queue_id.endswith(silent):  # with a host that is dead: neither gone nor to be released
                self.away.pop(mail.queue_id, None)
                self._canaries.pop(mail.queue_id, None)
                self.silent[mail.queue_id] = mail
            else:
                self._left(mail)
        for ident in there.keys() & self._absent.keys():
            self._returned(there[ident])
        for ident, released in list(self.away.items()):
            if (mail_now := there.get(ident)) is not None and _tried(mail_now, released, looked_at):
                self._back(
                    mail_now, now, partly=ident in known and len(mail_now.recipients) < len(known[ident].recipients)
                )
        self.waiting = order(there.values(), self.shape.important)
        self.empty_looks = 0 if self.waiting or self.silent else self.empty_looks + 1
        self._choose_canaries(now)
        self.looked, self.looked_at, self._seconds_left = True, looked_at, None
        self._judge(looked_at, now)

    def _choose_canaries(self, now: float) -> None:
        """The first that can go; others where these have to rest for long. One that alone does not get through keeps
        nothing else back."""
        if self._through:
            self._canaries = {i: n for i, n in self._canaries.items() if n < TRIES}
            return
        long = now + HOUR_S / 2
        if self._canaries:
            late = {m.queue_id for m in self.waiting if m.queue_id in self._canaries and self._rests(m, long)}
            self._canaries = {i: n for i, n in self._canaries.items() if i not in late}
        if not self._canaries:
            free = (m.queue_id for m in self.waiting if self._open(m) and not self._rests(m, now))
            self._canaries = dict.fromkeys(islice(free, self.shape.canary), 0)

    def _rests(self, mail: QueuedMail, until: float) -> bool:
        """Is it, or one of its mailboxes, not to be tried up to then?"""
        names = (mail.queue_id, *(r.lower() for r in mail.recipients))
        return any(self._held.get(name, 0.0) > until for name in names)

    def _left(self, mail: QueuedMail) -> None:
        """It is no longer there. One that was not released went by itself, or a person took it: no sign of the rate."""
        ident = mail.queue_id
        self._held.pop(ident, None)
        canary, released = self._canaries.pop(ident, None) is not None, self.away.pop(ident, None)
        self._absent[ident] = Absent(mail.arrived, released, canary, self.refused.pop(ident, ""))
        self.gone += 1
        if canary:
            self._through.add(ident)
        if released is not None:
            self._pace.window.gone += 1

    def _returned(self, mail: QueuedMail) -> None:
        """It was not gone, unless the relay gave its id to another mail."""
        was = self._absent.pop(mail.queue_id)
        if was.arrived != mail.arrived:
            return
        self.gone -= 1
        self._through.discard(mail.queue_id)
        if was.refused:
            self.refused[mail.queue_id] = was.refused
        if was.canary:
            self._canaries[mail.queue_id] = 0
        if was.released is not None:
            self.away[mail.queue_id] = was.released
            self._pace.window.gone = max(0, self._pace.window.gone - 1)

    def _back(self, mail: QueuedMail, now: float, *, partly: bool) -> None:
        """It was tried, and is still there. ``partly``: some of its recipients have it (4.5.3, too many of them at a
        time): the rest goes at once."""
        del self.away[mail.queue_id]
        said = read(mail.reason)
        if mail.queue == ON_HOLD:
            self._canaries.pop(mail.queue_id, None)
            return
        if said.told is Told.KEPT or not mail.reason:
            self._held[mail.queue_id] = now + self.shape.step
            return
        if said.told is Told.REFUSED:
            self._refuse(mail, now)
            return
        if partly and said.told is Told.TROUBLE:
            self._pace.window.gone += 1
            return
        self._held[mail.queue_id] = now + (said.rest_s or self.shape.step)
        if mail.queue_id in self._canaries:
            self._canaries[mail.queue_id] += 1
        if said.told is Told.MAILBOX:
            self._rest(mail, said, now)
        elif said.told is Told.THROTTLED:
            self.throttled += 1
            self._pace.window.throttled += 1
        else:
            self._pace.window.trouble += 1

    def _rest(self, mail: QueuedMail, said: Reading, now: float) -> None:
        self.throttled += 1
        for recipient in mail.recipients:
            self._held[recipient.lower()] = now + said.rest_s

    def _refuse(self, mail: QueuedMail, now: float) -> None:
        self.refused[mail.queue_id] = mail.reason
        self._refusals = [t for t in self._refusals if now - t < BURST_S] + [now]
        if mail.queue_id in self._canaries:
            self.why = f"the canary was refused: {mail.reason}"
        elif len(self._refusals) >= self.shape.refusals:
            self.why = f"{len(self._refusals)} refusals for good within a minute: {mail.reason}"

    def _judge(self, at: float, now: float) -> None:
        """Faster or slower, after each step in which enough came back. ``at``: when the look began."""
        if self._canaries:
            self._pace.anew(at)
        elif self._pace.judge(at):
            left, size = self._tokens.look(now), max(1.0, self.rate * LATE_S)
            self._tokens = Bucket(self.rate, size, min(left, size), now)

    # -- what goes ---------------------------------------------------------------------------------------------------

    def due(self, now: float) -> list[str]:
        """Queue ids to release now. Whoever asks releases them: they count as on their way."""
        state = self.state
        if state != "running":  # what could not go meanwhile does not come in a burst afterwards
            self._tokens.left, self._tokens.at = 0.0, now
        if state == "canary":
            room = len(self._canaries)
        elif state == "running":
            at_once = max(1, round(self.rate * AT_ONCE_S))
            ahead = max(AHEAD, int(self.rate * (AHEAD_S + now - self.looked_at)))
            room = min(int(self._tokens.look(now)), at_once, ahead - len(self.away))
        else:
            return []
        chosen: list[str] = []
        dry: set[tuple[str, ...]] = set()
        for mail in self.waiting:
            if len(chosen) >= room:
                break
            if state == "canary" and mail.queue_id not in self._canaries:
                continue
            if self._may(mail, now, dry):
                chosen.append(mail.queue_id)
        self.away.update(dict.fromkeys(chosen, now))
        if state == "running":
            self._tokens.left -= len(chosen)
        return chosen

    def _may(self, mail: QueuedMail, now: float, dry: set[tuple[str, ...]]) -> bool:
        """Is it its turn? Takes a token of each of its mailboxes and pairs."""
        if mail.queue_id in self.away or not self._open(mail) or self._held.get(mail.queue_id, 0.0) > now:
            return False
        keys = self._keys(mail)
        if any(k in dry for k in keys):
            return False
        lacking = [k for k in keys if self._held.get(k[-1], 0.0) > now or self._bucket(k, now).look(now) < 1]
        if lacking:
            dry.update(lacking)
            return False
        for key in keys:
            self._boxes[key].left -= 1
        return True

    def _keys(self, mail: QueuedMail) -> list[tuple[str, ...]]:
        boxes = dict.fromkeys(r.lower() for r in mail.recipients)
        return [(b,) for b in boxes] + [(mail.sender.lower(), b) for b in boxes]

    def _bucket(self, key: tuple[str, ...], now: float) -> Bucket:
        found = self._boxes.get(key)
        if found is None:
            an_hour = self.shape.mailbox if len(key) == 1 else self.shape.pair
            found = self._boxes[key] = Bucket(an_hour / 3600, capacity(an_hour), capacity(an_hour), now)
        return found

    def set_out(self, ids: Sequence[str], at: float) -> None:
        """These are on their way since then. Until the relay was told (infinity) what it says of them is old: also of
        one that a look passed over meanwhile, and that comes back."""
        self.away.update({i: at for i in ids if i in self.away})
        for ident in ids:
            if (was := self._absent.get(ident)) is not None and was.released is not None:
                self._absent[ident] = replace(was, released=at)

    def give_back(self, ids: Sequence[str]) -> None:
        """These could not be released after all."""
        for ident in ids:
            self.away.pop(ident, None)
            if (was := self._absent.get(ident)) is not None:
                self._absent[ident] = replace(was, released=None)
