"""How far an outage is: one state machine. Pure; steady time in, so that a clock that is set does no harm.

Three kinds of events move it: looks (what our probes see), runs (what playbooks do), and people and their monitoring
systems (alerts, a declaration, an end). What others show are views of it: the *stage* that detection proposes by, the
*record* that the book of incidents keeps, and ``standing``, what our runs leave in the world.

Rules that hold whatever comes:

- our own looks or a person end an incident; an alert whose *resolved* never comes does not keep it open;
- nothing closes while a run of ours stands (MX on the relay), and what nobody can see is not closed by silence,
  unless nobody but an alert ever said that there was an outage;
- a person who closes an incident while it is still down is not asked about the same outage again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bcp.detect.rules import Rules

STAGES = ("healthy", "suspect", "confirmed", "decided", "active", "recovering", "failback", "draining", "closed")
"""What ``Course.stage`` may be."""
RECORDS = ("none", "opened", "declared", "resolved", "closed")
"""What ``Course.record`` may be: as the book of incidents has it, or none."""
STANDING = ("none", "decided", "active", "failback", "draining")
"""What our runs do or leave standing: nothing; one works before its switch; MX was switched; one goes back; mail is
drained."""
RUN_EVENTS = ("decided", "switched", "failed", "undone", "failback", "draining", "back")
"""A run began that may switch; its switch is verified; it ended without one (or the way back did not succeed); its
switch
was undone; the way back began; the relay is being drained; everything is back."""
PEOPLE_EVENTS = ("alert", "alerts_over", "looked_down", "declared", "ended", "reopened")
"""A sender says something new is wrong; all of them say it is over; a look that a hook caused finds it down before
the watch does; a person declares an outage; a person ends the incident; a person opens it again."""
EVENTS = RUN_EVENTS + PEOPLE_EVENTS
WORDS = {"active": "switched", "undecided": "failed", "closed": "back"}
"""What files of outages (``bcp replay``) call some of them."""
OPEN = frozenset({"opened", "declared", "resolved"})
"""Records of an incident that is not over."""
NEVER = float("-inf")
AGE_S = 86_400.0
"""An incident that only alerts opened, which nobody here can look at and of which nothing new was heard, ends after
this time."""


@dataclass(frozen=True, slots=True)
class Course:
    """Where an outage is. Times are steady seconds (``Clock.monotonic``)."""

    seen: str = "unknown"
    """What the last look said: down, suspect, clear (everything that can be seen is well) or unknown."""
    outage: str = "none"
    """none; found (our looks confirmed one); over (for one look, so that it can be shown)."""
    record: str = "none"
    standing: str = "none"
    alerts: bool = False
    """Does a sender still say that something is wrong?"""
    insisted: bool = False
    """A person declared it, or opened it again: looks end it only after all was clear for ``keep_firing_for``."""
    dismissed: bool = False
    """A person closed the incident while it was down: looks at this outage open no other one; a new alert does."""
    clear_since: float | None = None
    """Since when every plane has been clear."""
    quiet: bool = False
    """Has it been clear for ``keep_firing_for``, and with MX on the relay for longer than its pauses were?"""
    active_since: float | None = None
    """When the switch was verified."""
    calm_s: float = 0.0
    """How long all was clear, the last time that it was, and is no longer."""
    relapse_s: float = 0.0
    """The longest time for which all was clear in this outage before it was down again."""
    news_at: float = NEVER
    """When somebody last said that something is wrong: a sender, a person, a look that a hook caused."""

    @property
    def stage(self) -> str:
        """How far it is, as detection shows it and proposes by it; one of ``STAGES``."""
        if self.standing == "active":
            return "recovering" if self.quiet else "active"
        if self.standing != "none":
            return self.standing
        if self.outage == "found":
            return "confirmed"
        if self.seen == "suspect":
            return "suspect"
        return "closed" if self.outage == "over" else "healthy"

    @property
    def open(self) -> bool:
        """Is there an incident that is not over?"""
        return self.record in OPEN


def refusal(course: Course, event: str) -> str:
    """Why a person may not do this now, as the code of a rule; empty: they may."""
    if event == "ended":
        if not course.open:
            return "no-incident"
        return "" if course.standing == "none" else "run-stands"
    if event == "reopened":
        return "incident-open" if course.open else ("no-incident" if course.record == "none" else "")
    return ""


def after_event(course: Course, event: str, now: float) -> Course:
    """The course after a person, a sender or a run did something. The word of runs is taken: they know what they did.

    What ``refusal`` names changes nothing. Raises ``ValueError`` for an unknown event.
    """
    event = WORDS.get(event, event)
    if event not in EVENTS:
        raise ValueError(f"{event!r} is not one of {', '.join(EVENTS)}")
    if refusal(course, event):
        return course
    if event in RUN_EVENTS:
        return _after_run(course, event, now)
    return _after_word(course, event, now)


def _after_run(course: Course, event: str, now: float) -> Course:
    if event == "switched":
        return replace(course, standing="active", active_since=now, clear_since=None, quiet=False)
    if event in {"decided", "failback", "draining"}:
        return replace(course, standing=event)
    if event == "failed":
        back = {"failback": "active", "draining": "active", "decided": "none"}
        return replace(course, standing=back.get(course.standing, course.standing))
    gone = replace(course, standing="none", active_since=None)
    if event == "undone":
        return gone
    since = course.clear_since if course.clear_since is not None else now
    return replace(gone, outage="over", clear_since=since, dismissed=False)


def _after_word(course: Course, event: str, now: float) -> Course:
    if event == "alert":
        opens = course.record in {"none", "closed", "resolved"}
        record = "opened" if opens else course.record
        return replace(course, alerts=True, record=record, dismissed=False, news_at=now)
    if event == "alerts_over":
        ends = course.record == "opened" and course.seen in {"clear", "unknown"}
        return replace(course, alerts=False, record="resolved" if ends else course.record)
    if event == "looked_down":
        return course if course.dismissed else replace(course, record="declared", news_at=now)
    if event == "declared":
        return replace(course, record="declared", dismissed=False, insisted=True, news_at=now)
    if event == "ended":
        return replace(
            course, record="closed", alerts=False, insisted=False, dismissed=course.seen in {"down", "suspect"}
        )
    return replace(course, record="opened", dismissed=False, insisted=True, news_at=now)


def after_look(course: Course, *, down: bool, suspect: bool, clear: bool, now: float, rules: Rules) -> Course:
    """The course after one more round. ``clear``: every plane that can be seen is well and none that was down is
    hidden."""
    since = (course.clear_since if course.clear_since is not None else now) if clear else None
    course = _relapsed(course, down=down, clear=clear, now=now)
    quiet = since is not None and now - since >= _calm_needed(course, rules)
    seen = "down" if down else "suspect" if suspect else "clear" if clear else "unknown"
    outage = course.outage
    if down:
        outage = "found"
    elif outage == "found":
        outage = "over" if quiet and course.standing == "none" else "found"
    elif outage == "over" and (clear or suspect):
        outage = "none"
    dismissed = course.dismissed and not quiet
    looked = replace(course, seen=seen, outage=outage, clear_since=since, quiet=quiet, dismissed=dismissed)
    record = _record(looked, now, rules)
    return replace(looked, record=record, insisted=looked.insisted and record in {"opened", "declared"})


PAUSE = 1.5
"""While MX is on the relay it must be clear for so many times the longest pause that ended in a relapse."""
PAUSES = 4.0
"""And for no more than so many times ``keep_firing_for``: what fails every few hours is a person's to judge."""


def _relapsed(course: Course, *, down: bool, clear: bool, now: float) -> Course:
    """Keep how long the pauses of this outage were, after which it was down again."""
    if clear:
        return replace(course, calm_s=0.0) if course.calm_s else course
    calm = now - course.clear_since if course.clear_since is not None else course.calm_s
    if down and course.outage == "found":
        return replace(course, calm_s=0.0, relapse_s=max(course.relapse_s, calm))
    if course.outage != "found" and course.standing == "none":
        return replace(course, calm_s=0.0, relapse_s=0.0) if course.calm_s or course.relapse_s else course
    return replace(course, calm_s=calm) if calm != course.calm_s else course


def _calm_needed(course: Course, rules: Rules) -> float:
    """Seconds for which all must be clear. A service that has been well for 36 minutes and failed again proves nothing
    by 30 good minutes: the way back waits for longer than its pauses were."""
    if course.standing != "active":
        return rules.keep_firing_for_s
    return min(max(rules.keep_firing_for_s, PAUSE * course.relapse_s), PAUSES * rules.keep_firing_for_s)


def _record(course: Course, now: float, rules: Rules) -> str:
    """The incident after a look.

    What somebody has just said outweighs a watch that needs some rounds to become suspicious; an alert that is never
    taken back outweighs it until all has been clear for ``keep_firing_for``.
    """
    record = course.record
    if course.seen == "down":
        return record if course.dismissed else "declared"
    if course.seen == "clear" and course.clear_since is not None:
        calm = now - max(course.clear_since, course.news_at) >= rules.keep_firing_for_s
        believed = now - course.news_at >= (rules.suspect + 1) * rules.interval_s
        if record in {"opened", "declared"} and (calm or (believed and not course.alerts and not course.insisted)):
            return "resolved"
        if record == "resolved" and calm and course.standing == "none":
            return "closed"
    if course.seen == "unknown" and course.outage == "none" and course.standing == "none":
        aged = now - course.news_at >= AGE_S
        return "closed" if aged and record in {"opened", "resolved"} else record
    return record
