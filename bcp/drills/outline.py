"""What is fixed before an exercise begins, filled in from the configuration where nobody said otherwise. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bcp.contracts.exercise import Kind, Objective, Retention
from bcp.contracts.exercise_parts import Component
from bcp.kernel.errors import Invalid
from bcp.kernel.units import parse_duration

KINDS: Mapping[Kind, str] = {
    "tabletop": "people in a room: the scenario unfolds by a clock, decisions are noted, nothing is carried out",
    "dry": "the organisation's own configuration: everything is read for real, nothing is written",
    "lab": "the organisation's own playbooks, people and texts against emulated DNS, relay and vendors on loopback",
    "live": "a drill or canary domain: a real change of DNS, the real relay, real texts to volunteers only",
}
WRITTEN = "a real incident that is over: what people found, decided and sign"
"""Of the fifth kind, which is not exercised."""
PARTS = ("detection", "decisions of people", "DNS", "relay", "mail", "channels", "playbooks", "program")
"""Components of which a record says whether they were real."""
REAL: Mapping[Kind, frozenset[str]] = {
    "tabletop": frozenset({"decisions of people"}),
    "dry": frozenset({"DNS", "relay", "playbooks", "program"}),
    "lab": frozenset({"playbooks", "program"}),
    "live": frozenset(PARTS) - {"detection"},
    "incident": frozenset(PARTS),
}
NOTES: Mapping[tuple[Kind, str], str] = {
    ("tabletop", "detection"): "an outage file is replayed through the real rules of judgement",
    ("dry", "detection"): "the outage is played: the run is told what a look would say",
    ("dry", "DNS"): "read for real, and the right to change proved; not changed",
    ("dry", "relay"): "asked for real, up to RCPT; no mail is sent",
    ("dry", "channels"): "texts are rendered and counted; not sent",
    ("lab", "detection"): "real probes and rules against an emulated Exchange Online",
    ("lab", "decisions of people"): "a stand-in of each approver answers",
    ("lab", "channels"): "real texts to emulated vendors",
    ("live", "detection"): "the drill is begun by a person; the watch only vetoes",
    ("live", "channels"): "real, to volunteers only, marked as an exercise",
}
KEPT = Retention(5.0, rule="organisation")
"""How long a record is kept where nobody said otherwise."""
GOALS = "For example rto_receive=30m, rto_communicate:customers=1h, rpo_messages=0."
OBJECTIVES = ("rto_receive", "rto_communicate", "rpo_messages", "wrt", "mtpd")


def components(kind: Kind) -> tuple[Component, ...]:
    """What is real and what is simulated in this kind of exercise."""
    return tuple(Component(p, p in REAL[kind], NOTES.get((kind, p), "")) for p in PARTS)


def third_parties(kinds: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Outside parties that take part, from the configuration: ``sms: twilio-sms`` (a channel)."""
    words = {"dns": "DNS host", "relays": "relay", "channels": "channel"}
    return tuple(f"{kind} ({words[family]} {name})" for family in words for name, kind in kinds.get(family, {}).items())


def read_goal(text: str) -> tuple[str, str]:
    """``rto_receive`` or ``rto_communicate:customers``: code and audience.

    Raises:
        Invalid: (``no-such-objective``) it is none.
    """
    code, _, audience = text.strip().partition(":")
    if code not in OBJECTIVES or (audience and code != "rto_communicate"):
        raise Invalid(f"{text[:60]!r} is no objective", rule="no-such-objective", hint=GOALS)
    return code, audience


def read_objective(text: str) -> tuple[str, str, float]:
    """``rto_receive=30m``, ``rto_communicate:customers=1h``, ``rpo_messages=0``: code, audience, target.

    Raises:
        Invalid: (``no-such-objective``) it is none.
    """
    name, _, value = text.partition("=")
    code, audience = read_goal(name)
    try:
        target = float(value) if code == "rpo_messages" else parse_duration(value.strip())
    except ValueError as error:
        raise Invalid(f"{text[:60]!r} has no target", rule="no-such-objective", hint=GOALS) from error
    if not 0 <= target < float("inf"):
        raise Invalid(f"{text[:60]!r} has no target", rule="no-such-objective", hint=GOALS)
    return code, audience, target


def must_be_set(objectives: Sequence[Objective], code: str, audience: str) -> None:
    """Is that one of these? Raises ``Invalid`` (``no-such-objective``): a decision would reach nothing."""
    if not any(o.code == code and o.audience in {"", audience} for o in objectives):
        said = f"{code}:{audience}" if audience else code
        known = ", ".join(f"{o.code}:{o.audience}" if o.audience else o.code for o in objectives)
        raise Invalid(f"{said[:60]} is no objective of it", rule="no-such-objective", hint=f"It has: {known or 'none'}")


def read_objectives(texts: Sequence[str]) -> list[tuple[str, str, float]]:
    """Several of them. Raises ``Invalid`` (``no-such-objective``): it is none, or has two targets."""
    found = [read_objective(t) for t in texts]
    names = [(code, audience) for code, audience, _ in found]
    for text, name in zip(texts, names, strict=True):
        if names.count(name) > 1:
            what = f"{text.partition('=')[0][:60]!r} has two targets"
            raise Invalid(what, rule="no-such-objective", hint="Name each objective once.")
    return found


def split_person(text: str) -> tuple[str, str]:
    """``alice=facilitator``: who, and the role; without ``=`` no role. Raises ``Invalid`` (``no-text``): nobody."""
    who, _, role = text.partition("=")
    if not who.strip():
        raise Invalid(f"{text[:60]!r} names nobody", rule="no-text", hint="For example alice=facilitator.")
    return who.strip(), role.strip()


def assumptions(kind: Kind, given: Sequence[str]) -> tuple[str, ...]:
    """Those that were given, and what the kind itself assumes."""
    own = {
        "tabletop": "people act as they say they would",
        "dry": "what is read now stays so until a real run",
        "lab": "the emulated servers behave as the real ones do; one mailbox provider, one resolver",
        "live": "the drill domain is set up as the production domains are",
    }
    return tuple(dict.fromkeys((*given, own[kind]))) if kind in own else tuple(given)
