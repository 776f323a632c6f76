"""What must be true after a game, whatever was answered: judged by what the fakes hold, not by what was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from bcp.kernel.errors import Invalid, Refused
from liars.leg import Leg, rows_of
from liars.play import Game
from liars.script import Part
from liars.stage import MAILS, ONCALL, PHONES, PRIMARY_MX, RELAY_MX, STAFF, Stage

DONE = frozenset({"ok", "unchanged"})
TARGET = {"over": RELAY_MX, "back": PRIMARY_MX}
AUDIENCE = {"tell-oncall": ONCALL, "tell-employees": STAFF, "tell-employees-late": STAFF}


def wrong(game: Game, stage: Stage) -> list[str]:
    """Everything that is not as it must be. Empty: all is well."""
    out = list(game.faults)
    if game.part is not None and not stage.script.told:
        out.append("the lie was never told")
    for name, leg in game.legs.items():
        out += [f"{name}: {w}" for w in (*_mx(name, leg), *_words(leg), *_people(leg, stage), *_faults(leg))]
    out += [*game.open, *_doubled(game)]
    if not game.open and game.at_last != game.expected and not _told_to_stay(game):
        out.append(f"at last the MX is {game.at_last}")
    return out


def _told_to_stay(game: Game) -> bool:
    """Did the failover end with a word that mail stays at the relay?"""
    ending = game.legs["over"].ending if "over" in game.legs else None
    return ending is not None and ending.status != "holding" and "relay" in ending.reason


def _mx(name: str, leg: Leg) -> Iterator[str]:
    if leg.after not in {PRIMARY_MX, RELAY_MX}:
        yield f"the MX is {leg.after!r}"
    step = leg.view.state.steps["mx"] if leg.view is not None else None
    status = step.status if step is not None else "not planned"
    if status in DONE and leg.after != TARGET[name]:
        yield f"the switch is {status}, and the MX is {leg.after}"
    if status not in DONE | {"in_doubt", "undo_failed"} and leg.after != leg.before:
        yield f"the switch is {status}, and the MX went from {leg.before} to {leg.after}"


def _words(leg: Leg) -> Iterator[str]:
    if leg.refused is not None:
        if not leg.refused.message:
            yield "refused without a word"
        if not isinstance(leg.refused, (Refused, Invalid)) and leg.plan is not None:
            yield f"ended by {type(leg.refused).__name__}: {leg.refused.message}"
    elif leg.ending is None:
        yield "neither refused nor ended"
    elif leg.ending.status == "failed" and not leg.ending.reason:
        yield "failed without a reason"


def _faults(leg: Leg) -> Iterator[str]:
    if leg.view is None:
        return
    for step in leg.view.state.steps.values():
        text = f"{step.error} {step.summary}"
        if "fault in" in text or "Traceback" in text:
            yield f"{step.id}: {text}"
        if len(text) > 5_000:
            yield f"{step.id}: {len(text)} characters of explanation"


# -- people ----------------------------------------------------------------------------------------------------------


def _people(leg: Leg, stage: Stage) -> Iterator[str]:
    if leg.view is None:
        return
    rows = rows_of(leg)
    for step_id, people in AUDIENCE.items():
        step = leg.view.state.steps.get(step_id)
        if step is None or step.status not in DONE:
            continue
        mine = [r for r in rows if r[0] == step_id]
        bad = [r for r in mine if r[3] != "sent"]
        told = str(step.summary)
        if bad and "failed" not in told and "in doubt" not in told and "stopped" not in told:
            yield f"{step_id} says {told!r}, and the ledger has {bad}"
        reached = {r[2] for r in mine if r[1] == "sms"}
        if missing := set(people) - reached:
            yield f"{step_id} is {step.status}, and there is no row for {sorted(missing)}"


def counted(game: Game) -> Counter[tuple[str, str, str]]:
    """Deliveries by channel, person and state, over both legs."""
    out: Counter[tuple[str, str, str]] = Counter()
    for leg in game.legs.values():
        if leg.view is not None:
            out.update((channel, who, state) for _, channel, who, state in rows_of(leg))
    return out


def _address(channel: str, who: str, kinds: Mapping[str, str]) -> str:
    return (MAILS if kinds[channel] == "email" else PHONES).get(who, "")


def untrue(game: Game, kinds: Mapping[str, str]) -> list[str]:
    """What the ledger says of people against what the vendors hold. ``kinds``: kind of each channel."""
    if game.part is not None and (game.part.point, game.part.kind) in YES:
        return []
    held = Counter((point, to) for point, to, _ in game.taken)
    rows, out = counted(game), []
    for channel, kind in kinds.items():
        point = POINTS.get(kind)
        if point is None:
            continue
        who = {w for c, w, _ in rows if c == channel}
        for person in who:
            to = _address(channel, person, kinds) if kind in PERSONAL else ""
            there = sum(n for (p, t), n in held.items() if p == point and (t == to or not to))
            sent, doubt, failed = (rows[channel, person, s] for s in ("sent", "in_doubt", "failed"))
            if there < sent and kind not in BELIEVING:
                out.append(f"{channel} {person}: {sent} said to be sent, {there} taken")
            if there > sent + doubt:
                out.append(f"{channel} {person}: {there} taken, {sent} sent and {doubt} in doubt ({failed} failed)")
    return out


POINTS = {
    "twilio-sms": "twilio.send", "twilio-whatsapp": "twilio.send", "twilio-voice": "twilio.call", "slack": "slack.post",
    "slack-incident": "slack.post", "teams": "teams.post", "ntfy": "ntfy.post", "apprise": "apprise.post",
    "email": "mail",
}  # fmt: skip
YES = frozenset({("teams.post", "a number")})
"""Lies that are the vendor's own word for yes: connectors of Teams answered 1."""
BELIEVING = frozenset({"apprise"})
"""Its library says yes to whatever is 2xx, and shows no more: a page of a proxy is a yes. The docs say so."""
PERSONAL = frozenset({"twilio-sms", "twilio-whatsapp", "twilio-voice", "email"})


def _doubled(game: Game) -> Iterator[str]:
    for (point, to, text), times in Counter(game.taken).items():
        if times > 1:
            yield f"{point} took the same text for {to or 'the place'} {times} times: {text[:60]!r}"


def say(part: Part, errors: list[str]) -> str:
    """For people."""
    return f"{part}:\n    " + "\n    ".join(errors)
