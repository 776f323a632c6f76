"""The controller of a shaped drain: which mails go now, and how fast. Pure: queue and time come in, ids come out.

First a few (the canary), and nothing else until they are through. Then at the rate that ``pace`` finds. No mailbox and
no pair of sender and mailbox gets more than its share. Refusals for good in a burst stop everything: the relay keeps
the mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bcp.contracts.drain import DrainState, Wish
from bcp.contracts.relay import QueuedMail
from bcp.contracts.relay_machine import DrainSettings
from bcp.drain.pace import Pace, Window
from bcp.drain.plan import capacity, forecast, order
from bcp.drain.words import Reading, Told, read

BURST_S = 60.0
AHEAD_S = 10.0
"""Mails on their way at the last look: no more than so many seconds' worth, and ``AHEAD`` at least. Postfix may be the
slower one."""
AHEAD = 20
LATE_S = 1.5
"""Mails that could have gone meanwhile and did not may go afterwards, for so many seconds."""
AT_ONCE_S = 0.5
"""But no more than so many seconds' worth at a time: an Exchange that counts by the second throttles a burst."""


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
    away: dict[str, float] = field(default_factory=dict)
    """On their way, by queue id: when they were released."""
    refused: dict[str, str] = field(default_factory=dict)
    """Refused for good, by queue id: in whose words."""
    _canaries: dict[str, None] = field(default_factory=dict)
    """The first few that are not through yet: until then nothing else goes."""
    looked: bool = False
    """Was the queue seen at all?"""
    _looked_at: float = 0.0
    """When the last look began."""
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
        if self.looked and not self.waiting:
            return "done"
        return "canary" if self._canaries else "running"

    @property
    def stuck(self) -> bool:
        """All that is left was refused for good."""
        return bool(self.waiting) and all(m.queue_id in self.refused for m in self.waiting)

    def seconds_left(self) -> float:
        """Forecast from here."""
        left = [m for m in self.waiting if m.queue_id not in self.refused]
        return forecast(left, self.shape, rate=self.rate, ceiling=self.ceiling).seconds

    # -- what is seen ------------------------------------------------------------------------------------------------

    def see(self, mails: Iterable[QueuedMail], looked_at: float, now: float, unheard: Iterable[str] = ()) -> None:
        """A look at the relay's queue that began at ``looked_at``. ``unheard``: hosts that did not answer."""
        there, silent = {m.queue_id: m for m in mails}, tuple(f"@{host}" for host in unheard)
        for ident in [m.queue_id for m in self.waiting if m.queue_id not in there]:
            if silent and ident.endswith(silent):  # it is with a host that is dead: neither gone nor to be released
                self.away.pop(ident, None)
                self._canaries.pop(ident, None)
            else:
                self._left(ident)
        for ident, released in list(self.away.items()):
            mail = there.get(ident)
            if mail is not None and released < looked_at and mail.queue in {"", "deferred", "hold"} and mail.reason:
                self._back(mail, now)
        if {m.queue_id for m in self.waiting} != there.keys():
            self.waiting = order(there.values(), self.shape.important)
        if not self.looked:
            self._canaries = {m.queue_id: None for m in self.waiting[: self.shape.canary]}
            self.looked = True
        self._looked_at = looked_at
        self._judge(looked_at, now)

    def _left(self, ident: str) -> None:
        """It is no longer there. One that was not released went by itself, or a person took it: no sign of the rate."""
        self.refused.pop(ident, None)
        self._held.pop(ident, None)
        self._canaries.pop(ident, None)
        self.gone += 1
        if self.away.pop(ident, None) is not None:
            self._pace.window.gone += 1

    def _back(self, mail: QueuedMail, now: float) -> None:
        """It was tried, and is still there."""
        del self.away[mail.queue_id]
        said = read(mail.reason)
        if said.told is Told.KEPT:
            self._held[mail.queue_id] = now + self.shape.step
            return
        if said.told is Told.REFUSED:
            self._refuse(mail, now)
            return
        self._held[mail.queue_id] = now + (said.rest_s or self.shape.step)
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
            ahead = max(AHEAD, int(self.rate * (AHEAD_S + now - self._looked_at)))
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
        if mail.queue_id in self.away or mail.queue_id in self.refused or self._held.get(mail.queue_id, 0.0) > now:
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
        """These are on their way since then. Until the relay was told (infinity) what it says of them is old."""
        self.away.update({i: at for i in ids if i in self.away})

    def give_back(self, ids: Sequence[str]) -> None:
        """These could not be released after all."""
        for ident in ids:
            self.away.pop(ident, None)
