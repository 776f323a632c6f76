"""The one function that decides about MX. Asked by the detector each round, before a write, before a failback. Pure.

``judge_now`` takes what is known of each domain (``Case``) and what else is so at this moment (``Moment``) and goes
through a table of conditions. All must hold; the first that does not says what is proposed instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bcp.detect.cases import Case, Condition, Moment
from bcp.detect.conditions import BACK, CONDITIONS
from bcp.detect.rules import Rules
from bcp.detect.verdict import MOVED, SWITCHES, TITLES, Decision, classes_of, switch_helps
from bcp.kernel.units import format_duration

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
    unproven: bool = False
    """Too few places see direct delivery well for MX to go back to it."""
    unseen: bool = False
    """Nobody sees whether direct delivery works."""
    bounces: bool = False
    """Of another domain than those that are down, a part of the recipients is refused for good."""


UNSEEN = "the way through the relay fails, and nobody sees whether direct delivery works"
BOUNCES = "of another domain a part of the recipients is refused for good: that mail bounces meanwhile"
RELAY_DEAD = "the relay does not answer, or our way to it does not; repair that first, as mail may wait at its senders"
BACK_FAILS = "mail is on its way back, and it fails again: look at that run, and decide whether it should go on"
_ON_RELAY = {
    "fails": "and Exchange Online does not yet",
    "unseen": "and nothing shows for sure that Exchange Online would",
    "soon": "and Exchange Online has not been well for long enough",
}
"""Why mail stays on the relay, after the words that it is there."""
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
    if "G" in s.classes and s.unseen:
        return replace(held, action="ask", why=UNSEEN)
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
        again = s.state == "down" and bool(SWITCHES & set(s.classes))
        return Judgement("hold", BACK_FAILS if again else "mail is on its way back")
    if "G" in s.classes and s.state == "down" and not s.unproven:
        return Judgement("direct", "the path through the relay fails and direct delivery works")
    found = judge_now("failback", cases, moment, rules)
    if found.refusals and found.refusals[0].rule == "dwell" and moment.on_relay_s is not None:
        left = format_duration(rules.dwell_s - moment.on_relay_s)
        return replace(found, why=f"{found.why}: {left} more")
    if found.action == "hold" and moment.relay_ready is False:
        return replace(found, why=RELAY_DEAD)
    if found.refusals and found.refusals[0].rule == "recovering":
        return replace(found, why=f"{found.why}, {_ON_RELAY[_kept_by(s, cases)]}")
    return found


def _kept_by(s: Setting, cases: Sequence[Case]) -> str:
    """What keeps mail on the relay: what is seen to fail, what nobody sees, or that it has been well for too short."""
    if s.state in {"down", "suspect"} and any(c in SWITCHES for c in s.classes):
        return "fails"
    return "soon" if all(c.well for c in cases) else "unseen"


__all__ = ["BACK", "CONDITIONS", "TITLES", "Case", "Decision", "Judgement", "Moment", "Refused", "classes_of"]
__all__ += ["judge_decision", "judge_now", "switch_helps"]
