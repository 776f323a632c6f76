"""The one function that decides about MX. Asked by the detector each round, before a write, before a failback. Pure.

``judge_now`` takes what is known of each domain (``Case``) and what else is so at this moment (``Moment``) and goes
through a table of conditions. All must hold; the first that does not says what is proposed instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bcp.detect.cases import Case, Condition, Moment
from bcp.detect.due import decide_after
from bcp.detect.rules import Rules
from bcp.detect.verdict import MOVED, TITLES, Decision, classes_of, switch_helps
from bcp.kernel.units import format_duration


def _share_enough(c: Case, m: Moment, r: Rules) -> bool:
    early = c.likely_share >= r.switch_share and not _long_enough(c, m, r)  # there is time to become sure
    healed = not c.failing_now and c.likely_share >= r.switch_share
    over = not c.lately or healed  # then that is the reason, and not how much of it failed before
    return c.refused or c.sure_share >= r.switch_share or early or over


def _long_enough(c: Case, m: Moment, r: Rules) -> bool:
    need = decide_after(c.classes, c.planes, r)
    return need is not None and c.failed_s >= need - 1e-6


UNCONFIRMED = "it fails often enough, seen in two ways, to be confirmed"
"""What changes a decision about something that is in doubt."""
GOES_ON = "it goes on failing"
"""What changes a decision that only waits for its time."""
CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "not-maintenance",
        "nobody has declared maintenance of our own",
        lambda c, m, r: not m.maintenance,
        "watch",
        "we are in maintenance",
        "the maintenance that was declared ends",
    ),
    Condition(
        "not-denied",
        "nobody on call says that it is no outage",
        lambda c, m, r: not m.denied,
        "watch",
        "on call says that it is no outage",
        "that word ends or is taken back",
    ),
    Condition(
        "down",
        "inbound mail, or the MX host's name, is confirmed down",
        lambda c, m, r: c.state == "down" and bool(set(c.planes) & set(MOVED)),
        "watch",
        "not confirmed",
        UNCONFIRMED,
    ),
    Condition(
        "helps",
        "the class is one in which moving MX keeps mail",
        lambda c, m, r: switch_helps(c.classes, c.planes),
        "tell",
        "moving MX would not help; use channels that do not fail with it",
        "inbound mail fails too",
    ),
    Condition(
        "seen",
        "a look of our own sees it",
        lambda c, m, r: c.seen,
        "ask",
        "only people say so, and nothing of ours sees it",
        "a probe of ours sees inbound mail fail",
    ),
    Condition(
        "not-into-gateway",
        "the way through the relay does not fail while direct delivery works",
        lambda c, m, r: not m.gateway_down,
        "direct",
        "direct delivery works, and the way through the relay does not",
        "direct delivery is confirmed down as well",
    ),
    Condition(
        "not-limited",
        "it is more than limits and refusals that may speak of our own probers",
        lambda c, m, r: not c.limited,
        "ask",
        "only our probers are limited or refused, and nothing shows whether real mail is",
        "they see something else than limits and refusals of their own, or a test mail tells",
    ),
    Condition(
        "looked-at",
        "not test mails alone see it: a known recipient is looked at as well, where something is set to",
        lambda c, m, r: not c.mails_alone,
        "ask",
        "test mails are not taken, and no look at a known recipient says whether others are",
        "the probes see known recipients again",
    ),
    Condition(
        "not-delivered",
        "no mail comes through of which every look says that it cannot",
        lambda c, m, r: not c.delivered,
        "ask",
        "every look fails and yet a mail came through: which of them is to be believed?",
        "test mails are no longer taken",
    ),
    Condition(
        "steady",
        "it does not come and go",
        lambda c, m, r: not c.flapping,
        "ask",
        "it comes and goes, so nothing is proposed by itself",
        "it stays down (or up) for a while",
    ),
    Condition(
        "share",
        "enough of the looks fail, with certainty",
        _share_enough,
        "ask",
        "only a part of the looks fails",
        "a larger share of the looks fails, for long enough to be no accident",
    ),
    Condition(
        "fresh",
        "it rests on looks of now",
        lambda c, m, r: m.fresh,
        "watch",
        "nothing was looked at just now",
        "the probes look again",
    ),
    Condition(
        "failing-now",
        "the newest looks still fail",
        lambda c, m, r: c.failing_now,
        "wait",
        "at this moment it does not fail",
        "the newest looks fail again",
    ),
    Condition(
        "long-enough",
        "it has failed for the decision time of its class, over all relapses",
        _long_enough,
        "wait",
        "mail waits at the senders and is not lost yet",
        GOES_ON,
    ),
    Condition(
        "relay-ready",
        "the relay takes mail for the domain",
        lambda c, m, r: m.relay_ready is not False,
        "ask",
        "the relay is not ready: moving MX there would lose mail",
        "the relay is ready",
    ),
)
"""Of a switch, in the order in which they are judged."""

BACK: tuple[Condition, ...] = (
    Condition(
        "recovering",
        "inbound mail and the MX host's name have been clear for long enough",
        lambda c, m, r: m.stage == "recovering",
        "hold",
        "the relay takes the mail",
        "inbound mail and the MX host's name are clear for long enough",
    ),
    Condition(
        "not-declared",
        "nobody on call says that it still fails",
        lambda c, m, r: not m.declared,
        "hold",
        "on call says that it still fails",
        "that word ends or is taken back",
    ),
    Condition(
        "not-maintenance",
        "nobody has declared maintenance of our own",
        lambda c, m, r: not m.maintenance,
        "hold",
        "we are in maintenance: not back into that",
        "the maintenance that was declared ends",
    ),
    Condition(
        "seen-well",
        "inbound mail and the MX host's name are seen to be well",
        lambda c, m, r: c.well,
        "hold",
        "nobody sees whether inbound mail is well: not back into the unknown",
        "the probes see inbound mail again, and see it well",
    ),
    Condition(
        "fresh",
        "it rests on looks of now",
        lambda c, m, r: m.fresh,
        "hold",
        "nothing was looked at just now",
        "the probes look again",
    ),
    Condition(
        "steady",
        "neither inbound mail nor the MX host's name comes and goes",
        lambda c, m, r: not m.flapping,
        "hold",
        "it comes and goes, so the way back is not proposed by itself",
        "it stays up for a while",
    ),
    Condition(
        "dwell",
        "mail has been on the relay for the shortest time",
        lambda c, m, r: m.on_relay_s is None or m.on_relay_s >= r.dwell_s,
        "hold",
        "clear, but on the relay for too short a time",
        "the shortest time on the relay is over",
    ),
)
"""Of a failback."""

DEEDS: dict[str, tuple[Condition, ...]] = {"switch": CONDITIONS, "failback": BACK}


@dataclass(frozen=True, slots=True)
class Refused:
    """A condition that does not hold for a domain."""

    domain: str
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is right at this moment. ``action`` is the deed where ``domains`` may be moved, else what to do instead."""

    action: str
    why: str
    domains: tuple[str, ...] = ()
    """Those that may be moved; one empty text stands for all of them."""
    reasons: tuple[str, ...] = ()
    """Conditions that hold, in words."""
    refusals: tuple[Refused, ...] = ()
    """Every condition that does not, by domain."""
    changes: tuple[str, ...] = ()
    """What would change it."""

    @property
    def allowed(self) -> bool:
        """May the deed be done, for some domain?"""
        return bool(self.domains)


_EAGER = ("wait", "ask", "direct", "tell", "hold", "watch")
"""Of several domains that may not be moved, the one that is nearest to it speaks."""


def judge_now(deed: str, cases: Sequence[Case], moment: Moment, rules: Rules) -> Judgement:
    """May ``deed`` (``switch`` or ``failback``) be done now, for which of these domains, and why not for the others?

    The same function judges in replay, in the daemon, before the first write and before a failback. To judge a plan
    again, give the ``cases`` and the ``moment`` of a decision that is fresh, and what the facts say now
    (``relay_ready``) with ``dataclasses.replace``. A failback needs every case.
    """
    conditions = DEEDS[deed]
    failed = {c.domain: [x for x in conditions if not x.holds(c, moment, rules)] for c in cases}
    refusals = tuple(Refused(d, x.id, x.why) for d, xs in failed.items() for x in xs)
    fit = tuple(c.domain for c in cases if not failed[c.domain])
    if fit and (deed == "switch" or len(fit) == len(cases)):
        chosen = next(c for c in cases if c.domain == fit[0])
        return Judgement(deed, _because(deed, chosen), fit, tuple(x.says for x in conditions), refusals)
    firsts = [xs[0] for xs in failed.values() if xs]
    if not firsts:
        return Judgement("watch", "there is nothing to judge")
    first = min(firsts, key=lambda x: _EAGER.index(x.otherwise))
    held = tuple(x.says for x in conditions if all(x not in xs for xs in failed.values()))
    missing = dict.fromkeys(x.change for xs in failed.values() for x in xs if x.change)
    return Judgement(first.otherwise, first.why, (), held, refusals, tuple(missing))


def _because(deed: str, case: Case) -> str:
    if deed == "failback":
        return "everything has been clear that MX was moved for, and for long enough; a test mail goes first"
    if "F" in case.classes:
        return "valid recipients are refused for good: every minute mail bounces"
    return "it still fails, and the decision time is over"


def judge_decision(
    deed: str, decision: Decision, rules: Rules, *, relay_ready: bool | None = None, domains: Sequence[str] = ()
) -> Judgement:
    """``judge_now`` of a fresh verdict, for these domains of a plan (empty: all),
    with what the facts say of the relay."""
    moment = decision.moment or Moment()
    moment = moment if relay_ready is None else replace(moment, relay_ready=relay_ready)
    cases = decision.cases or (Case(),)
    named = {c.domain: c for c in cases}
    general = named.get("")
    if domains and set(named) != {""}:
        wanted = [named.get(d) or (replace(general, domain=d) if general else Case(d)) for d in domains]
    else:
        wanted = list(cases)
    return judge_now(deed, wanted, moment, rules)


# -- what is proposed ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting:
    """What else there is to know for a proposal."""

    state: str
    classes: tuple[str, ...]
    partial: bool
    fails: bool
    """Something failed as a whole lately; it is not only slow or degraded."""
    disputed: bool = False
    """Of inbound mail or the MX host's name, one way of looking is down and another is not."""
    alone: str = ""
    """Why something that nothing else speaks of is left to a person: one recipient refused, IPv4 cut off. Or empty."""
    beside: bool = False
    """What is down is another plane, and a part of inbound mail fails too."""
    bounces: bool = False
    """Of another domain than those that are down, a part of the recipients is refused for good."""


BOUNCES = "of another domain a part of the recipients is refused for good: that mail bounces meanwhile"
RELAY_DEAD = "the relay does not answer, or our way to it does not; repair that first, as mail may wait at its senders"
_STAYS_OPEN = {
    "healthy": "it is clear again; the incident stays open",
    "suspect": "it is no longer confirmed, and not clear either; the incident stays open",
    "unknown": "nobody can see it now; the incident stays open",
}


def propose(s: Setting, cases: Sequence[Case], moment: Moment, rules: Rules) -> Judgement:
    """The safest action and why."""
    if moment.stage in {"active", "recovering", "failback", "draining", "decided"}:
        return _while_active(s, cases, moment, rules)
    if s.state == "healthy" and moment.stage in {"healthy", "closed"} and not s.classes:
        return Judgement("none", "everything that looks sees it well")
    if "H" in s.classes and (len(s.classes) == 1 or s.state == "unknown"):
        return Judgement("fix-own", "it is on our side: tell IT, and nobody else")
    if s.state == "down":
        return _down(s, cases, moment, rules)
    if moment.maintenance or moment.denied:
        return judge_now("switch", cases, moment, rules)
    if (s.partial or s.disputed or s.alone) and s.fails:
        why = s.alone or "part of it fails, again and again"
        if s.disputed and not s.alone:
            why = "one way of looking sees it fail and another does not"
        return replace(judge_now("switch", cases, moment, rules), action="ask", why=why)
    why = _STAYS_OPEN.get(s.state, "") if moment.stage == "confirmed" else "not confirmed"
    if s.partial:
        why = "it is slow, or a part of it fails: nothing is moved for that"
    return replace(judge_now("switch", cases, moment, rules), action="watch", why=why)


def _down(s: Setting, cases: Sequence[Case], moment: Moment, rules: Rules) -> Judgement:
    moved = [c for c in cases if set(c.planes) & set(MOVED)]
    if moved:
        found = judge_now("switch", moved, moment, rules)
        return replace(found, action="ask", why=BOUNCES) if s.bounces and found.action == "wait" else found
    held = judge_now("switch", cases, moment, rules)
    if s.beside and not (moment.maintenance or moment.denied):
        return replace(held, action="ask", why=s.alone or "a part of inbound mail fails too, again and again")
    if "G" in s.classes:
        gateway = next(x for x in CONDITIONS if x.id == "not-into-gateway")
        return replace(held, action="direct", why=gateway.why)
    if moment.maintenance or moment.denied:
        return held
    return replace(held, action="tell", why=next(x for x in CONDITIONS if x.id == "helps").why)


def _while_active(s: Setting, cases: Sequence[Case], moment: Moment, rules: Rules) -> Judgement:
    if moment.stage == "decided":
        return Judgement("hold", "a playbook runs")
    if moment.stage in {"failback", "draining"}:
        return Judgement("hold", "mail is on its way back")
    if "G" in s.classes and s.state == "down":
        return Judgement("direct", "the path through the relay fails and direct delivery works")
    found = judge_now("failback", cases, moment, rules)
    if found.refusals and found.refusals[0].rule == "dwell" and moment.on_relay_s is not None:
        left = format_duration(rules.dwell_s - moment.on_relay_s)
        return replace(found, why=f"{found.why}: {left} more")
    dead = found.action == "hold" and moment.relay_ready is False
    return replace(found, why=RELAY_DEAD) if dead else found


__all__ = ["BACK", "CONDITIONS", "TITLES", "Case", "Decision", "Judgement", "Moment", "Refused", "classes_of"]
__all__ += ["judge_decision", "judge_now", "switch_helps"]
