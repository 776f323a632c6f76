"""The front page of the console, thought out: one sentence, what to do next, the numbers that matter. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bcp.kernel.units import format_duration
from bcp.pages.palette import tone
from bcp.pages.times import Times, plural

HOLD_ON = frozenset({"active", "recovering", "failback", "draining"})
"""Stages in which MX is, or was just now, on the relay."""

OLD_S = 900.0
"""A count of mails that is older is not one of now; a daemon asks every 20 s."""


@dataclass(frozen=True, slots=True)
class Mx:
    """Where a run left MX. ``relay``: on the backup relay; ``since`` is epoch seconds."""

    relay: bool
    since: float = 0.0
    domains: tuple[str, ...] = ()
    run: str = ""
    title: str = ""
    left_by: str = ""
    """The last run that moved MX and is over, though it did not hold: nothing of ours watches what it left."""
    left_at: float = 0.0
    back: bool = False
    """It was a way back."""
    drains: bool = True
    """The relay delivers what it kept, or nobody says that it does not yet."""
    doubt: str = ""
    """A run whose step that moves MX is in doubt: nobody knows whether it did."""
    exercise: str = ""
    """A live drill's run that has its domains at the relay. Nobody's mail but the drill's is meant."""


@dataclass(frozen=True, slots=True)
class Mails:
    """How many mails the relay holds, as it said at ``at``. ``problem``: why that is not known."""

    count: int | None = None
    at: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the front page's words rest on. Times are epoch seconds, 0 or ``None`` for none."""

    service: str
    state: str
    stage: str
    what: str
    since: float | None
    now: float
    looked: bool
    watching: bool
    proposal: str
    why: str
    mx: Mx
    mails: Mails = Mails()
    decide_at: float | None = None
    asked_until: float = 0.0
    asked_people: tuple[str, ...] = ()
    asked_deed: bool = False
    """They are asked to do something by hand: records to enter."""
    told: int | None = None
    failed: int = 0
    answered: int | None = None
    news_at: float = 0.0
    """When people hear from us next."""
    zone: str = ""
    looked_at: float = 0.0
    """When something looked last, where nothing looks now; 0: never."""
    stuck: str = ""
    """A run that is under way and that nobody works on (killed, stopped, in doubt): a person goes on with it."""
    glanced: bool = False
    """Did a person look just now (``bcp verdict``), and saw this? Nothing keeps looking."""
    playbook: str = ""
    """Which playbook that look named."""
    alone: str = ""
    """The run that keeps MX on the relay, where no process works on it: its news to people are not sent."""
    yes_by: tuple[str, ...] = ()
    """Who has said yes to what that run asks for."""
    hindered: str = ""
    """What keeps what is called for from being proposed, and what to do; empty: nothing does."""


def page_tone(s: Situation) -> str:
    """The colour of the front page."""
    if not s.watching:
        return "warn"
    if s.state == "healthy" and s.mx.relay:
        return "warn"
    return tone(s.state) or "warn"


def sentence(s: Situation) -> str:
    """How it stands: the service, since when, and where mail goes."""
    times = Times(s.zone)
    if not s.watching:
        return f"{_unwatched(s, times)} {_where(s, times)}"
    since = f" since {times.minute(s.since)}" if s.since and s.state in {"down", "suspect"} else ""
    what = f" ({s.what})" if s.what and s.state == "down" else ""
    if s.state == "unknown" and s.since:
        what = f": nothing can see it now, and it was failing since {times.minute(s.since)}"
    return f"{s.service} is {s.state}{since}{what}. {_where(s, times)}"


def _unwatched(s: Situation, times: Times) -> str:
    """What was seen last, where nothing looks now."""
    if not s.looked_at:
        return f"Nothing has looked at {s.service} yet."
    ago = format_duration(max(0, round(s.now - s.looked_at)))
    return f"{s.service} was {s.state} at {times.minute(s.looked_at)}; nothing has looked since ({ago})."


def _where(s: Situation, times: Times) -> str:
    if s.mx.doubt:
        return f"Whether {s.mx.doubt} moved MX is in doubt: `bcp dns watch` shows where it points now."
    if not s.mx.relay:
        if s.mx.since:
            then = "the relay delivers what it kept" if s.mx.drains else "what the relay kept comes next"
            return f"MX points to it again since {times.minute(s.mx.since)}; {then}."
        if s.mx.left_by:
            moved = "moved MX back" if s.mx.back else "moved MX"
            return f"{s.mx.left_by} {moved} at {times.minute(s.mx.left_at)} and is over; `bcp dns watch` shows it now."
        if s.mx.exercise:
            return f"MX of a live drill's domain is at the relay ({s.mx.exercise}); no other was moved."
        if not s.watching:
            return "No run of ours has moved MX."
        if s.state == "down":
            return "MX still points to it."
        return "MX points to it." if s.state == "healthy" else "MX was not moved."
    domains = f" of {plural(len(s.mx.domains), 'domain')}" if len(s.mx.domains) > 1 else ""
    return f"Mail{domains} goes to the backup relay since {times.minute(s.mx.since)}{_held(s, times)}."


def _held(s: Situation, times: Times) -> str:
    """How many mails wait there; a count of long ago is told as that."""
    if s.mails.count is None:
        return ""
    many = plural(s.mails.count, "mail")
    if s.mails.at and s.now - s.mails.at > OLD_S:
        return f", which held {many} at {times.minute(s.mails.at)}"
    return f", which holds {many}"


def next_step(s: Situation) -> str:
    """What to do next, and by when."""
    times = Times(s.zone)
    if s.asked_until and s.yes_by and not s.stuck and not s.asked_people:
        return f"Next: nothing; {' and '.join(s.yes_by)} said yes, and the run goes on by itself."
    if s.asked_until:
        who = f" by {' or '.join(s.asked_people)}" if 0 < len(s.asked_people) <= 4 else ""
        if s.asked_deed:
            what = f"{who.removeprefix(' by ') or 'somebody'} does by hand what is asked for"
            return (
                f"Next: {what}, until {times.minute(s.asked_until)}. The run goes on by itself as soon as it is seen."
            )
        return f"Next: an answer{who} until {times.minute(s.asked_until)}. Without one, nothing is done."
    if s.mx.doubt:
        return f"Next: look where MX points, and settle what is in doubt: `bcp status {s.mx.doubt}` says how."
    if s.stuck:
        said = f", and {' and '.join(s.yes_by)} said yes to it" if s.yes_by else ""
        return f"Next: go on with {s.stuck}, or end it: nobody works on it{said}. `bcp status {s.stuck}` says how."
    if not s.watching and not s.glanced:
        old = "again (bcp verdict), and find out why nothing looks: what stands here may be old"
        return f"Next: look {old if s.looked else 'once (bcp verdict), or keep looking (bcp serve)'}."
    alone = " Nothing keeps looking: `bcp serve` does." if s.glanced and not s.watching else ""
    return _by_what_is_seen(s, times) + alone


def _by_what_is_seen(s: Situation, times: Times) -> str:
    """What to do next by the last look, where nobody is asked and nothing waits to be gone on with."""
    why = f": {s.why}" if s.why else ""
    if s.stage in {"failback", "draining"} and s.state != "down":
        return "Next: nothing; the way back runs, and says when it is over."
    if s.hindered:
        return f"Next: {s.hindered}."
    if s.mx.relay:
        back = s.state == "healthy" and s.stage != "active"
        return f"Next: plan the way back{why}." if back else f"Next: hold{why}.{_unheard(s)}"
    if s.decide_at and s.state == "down":
        late = s.decide_at <= s.now
        by = "now" if late else f"until {times.minute(s.decide_at)}"
        return f"Next: {s.proposal} ({by}){why}."
    plan = f" `bcp plan {s.playbook}` shows what would be done." if s.playbook and s.state == "down" else ""
    return f"Next: {s.proposal}{why}.{plan}"


def _unheard(s: Situation) -> str:
    """That nobody works on the run that holds, and what that means for people."""
    if not s.alone:
        return ""
    return (
        f" Nobody works on {s.alone}, so people hear no news: `bcp serve`, or `bcp resume {s.alone}`, goes on with it."
    )


def if_nothing(s: Situation, clock: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """What happens when, if nobody does anything. Where MX is decides which clock runs."""
    if not s.mx.relay:
        return [(at, "the time to decide is over" if what == "decide" else what) for at, what in clock]
    out = [(s.news_at, "people hear from us again")] if s.news_at > s.now else []
    back = "the service works again; " if s.state == "healthy" else ""
    return [*out, (0.0, f"{back}mail stays at the relay until somebody goes back: nothing bounces at the senders")]


def numbers(s: Situation) -> list[dict[str, str | float]]:
    """The numbers that matter, the most urgent first. ``since`` lets the page count on."""
    times = Times(s.zone)
    out: list[dict[str, str | float]] = []
    if s.state in {"down", "suspect"} and s.since:
        small = f"since {times.minute(s.since)}" + ("" if s.watching else "; nothing looks now")
        out.append(_number("Down for", format_duration(max(0, round(s.now - s.since))), small, since=s.since))
    else:
        then = f"at {times.minute(s.looked_at)}; nothing looks now" if s.looked_at else "not looked at yet"
        small = "" if s.watching else then
        out.append(_number("State", s.state, small, tone=tone(s.state) if s.watching else "warn"))
    if s.mx.relay:
        out.append(_number("Mail goes to", "backup relay", f"since {times.minute(s.mx.since)}", tone="warn"))
        out.append(_mails(s, times))
    elif s.mx.left_by and not s.mx.back:
        out.append(_number("Mail goes to", "not known", f"{s.mx.left_by} moved MX and is over", tone="warn"))
    else:
        out.append(_number("Mail goes to", s.service, "no run of ours holds it elsewhere"))
    if s.told is not None:
        failed = f"{s.failed} not reached" if s.failed else "messages taken by the channels"
        out.append(_number("People told", str(s.told), failed, tone="warn" if s.failed else ""))
        out.append(_number("Answered", "none yet" if not s.answered else str(s.answered), ""))
    out.append(_decision(s, times))
    return out


def _mails(s: Situation, times: Times) -> dict[str, str | float]:
    if s.mails.count is None:
        return _number("Mails held", "not known", s.mails.problem or "the relay was not asked yet")
    return _number("Mails held", str(s.mails.count), f"as the relay said at {times.minute(s.mails.at)}")


def _decision(s: Situation, times: Times) -> dict[str, str | float]:
    due = s.asked_until or (s.decide_at or 0.0 if not s.mx.relay and s.state == "down" else 0.0)
    if not due:
        return _number("Next decision", "none due", "")
    if due <= s.now:
        return _number("Next decision", "now", f"due since {times.minute(due)}", tone="bad")
    return _number(
        "Next decision in", format_duration(max(1, round(due - s.now))), f"at {times.minute(due)}", until=due
    )


def _number(label: str, big: str, small: str, **more: str | float) -> dict[str, str | float]:
    return {"label": label, "big": big, "small": small, "tone": "", "since": 0.0, "until": 0.0, **more}
