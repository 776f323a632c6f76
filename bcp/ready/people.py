"""Who could be reached, and who could say yes: people and their addresses judged against what playbooks promise. Pure.

Nobody to be reached is a failure and not a count of nought: no phone, no id, nobody in the group.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bcp.contracts.readiness import Check, State
from bcp.kernel.units import format_duration

NAMED = 5
"""So many people are named in one sentence."""


@dataclass(frozen=True, slots=True)
class Reached:
    """One person of an audience, and the channels that have an address of theirs they did not opt out of."""

    person: str
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AudienceFacts:
    """An audience as a playbook would tell it."""

    name: str
    channels: tuple[str, ...]
    """Channels that reach people one by one."""
    places: tuple[str, ...] = ()
    """Channels that everybody reads (a chat room, a page), and that need no address of a person."""
    people: tuple[Reached, ...] = ()
    known: bool = True
    """False: ``bcp.yaml`` has no such audience."""
    playbooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approver:
    """One person who may say yes, with the addresses by which the person would be asked."""

    person: str
    ways: frozenset[str] = frozenset()
    answers: bool = False
    """Can the person answer at a terminal, unasked: by an approval code or a login of their own?"""
    playbooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateFacts:
    """A gate of a playbook: how many persons could answer it, and how many must."""

    playbook: str
    step: str
    references: tuple[str, ...]
    least: int
    persons: int
    """Persons who can be asked, or answer at a terminal; those who share an address count as one."""


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """The list of contacts."""

    count: int
    source: str = ""
    taken_at: float = 0.0
    """When it was made; 0: it is a file that is read as it is."""
    max_age_s: float = field(default=7 * 86_400.0)
    unheard: Mapping[str, str] = field(default_factory=dict)
    """Who has opted out of what there is not."""
    ways: str = ""
    """What there is."""
    astray: Mapping[str, str] = field(default_factory=dict)
    """Who wants to be told by what there is not."""
    left: Mapping[str, str] = field(default_factory=dict)
    """Whom the configuration names and the contacts do not have, and where it names them."""


def contacts(facts: ContactFacts, now: float) -> list[Check]:
    """Is there anybody, and how old is what is known of them?"""
    if not facts.count:
        return [Check("contacts", "", "fail", "there is nobody in the contacts", "Add people: contacts: in bcp.yaml.")]
    out = [Check("contacts", "", "ok", f"{facts.count} people in {facts.source or 'the contacts'}")]
    if facts.unheard:
        who, what = next(iter(facts.unheard.items()))
        more = f", and {len(facts.unheard) - 1} more of such" if len(facts.unheard) > 1 else ""
        text = f"{who} has opted out of {what!r}, which is neither a kind of channel nor a channel{more}"
        out.append(Check("contacts-optout", "", "risk", text, f"Write one of: {facts.ways}."))
    if facts.astray:
        who, what = next(iter(facts.astray.items()))
        more = f", and {len(facts.astray) - 1} more of such" if len(facts.astray) > 1 else ""
        text = f"{who} wants to be told by {what!r}, which is neither a kind of channel nor a channel{more}"
        out.append(Check("contacts-channels", "", "risk", text, f"Write one of: {facts.ways}."))
    for who, where in facts.left.items():
        text = f"{where} names {who}, who is not in the contacts: whoever has left says yes and hears nothing any more"
        out.append(Check("contacts-left", who, "risk", text, f"Name somebody else under {where} in bcp.yaml."))
    age = now - facts.taken_at
    if facts.taken_at:
        old = age > facts.max_age_s
        text = f"the snapshot of people is {format_duration(max(0.0, age))} old"
        more = f", and should be {format_duration(facts.max_age_s)} at most" if old else ""
        out.append(Check("contacts-age", "", "risk" if old else "ok", text + more, "bcp contacts sync" if old else ""))
    return out


def audience(facts: AudienceFacts) -> list[Check]:
    """Can everybody in it be reached: by anything at all, and by each channel that the playbooks name?"""
    name, books = facts.name, facts.playbooks
    if not facts.known:
        text = f"bcp.yaml has no audience {name}"
        return [Check("audience-reach", name, "fail", text, f"Add it: audiences: {name}:", None, books)]
    if not facts.people:
        hint = "Check its groups in bcp.yaml and the contacts."
        return [Check("audience-reach", name, "fail", f"nobody is in the audience {name}", hint, None, books)]
    return [_reach(facts), *(_by_channel(facts, c) for c in facts.channels)]


def _reach(facts: AudienceFacts) -> Check:
    name, total = facts.name, len(facts.people)
    lost = [] if facts.places else [p.person for p in facts.people if not p.channels]
    ways = ", ".join((*facts.channels, *facts.places)) or "any channel"
    hint = "Give them what these channels need (phone, e-mail), or add a channel." if lost else ""
    if not facts.channels and not facts.places:
        text = f"no channel carries anything to {name}: nobody of {total} would hear of it"
        hint = "Add a channel, or say under roles: who plays it."
        return Check("audience-reach", name, "fail", text, hint, None, facts.playbooks)
    if lost:
        state: State = "fail" if len(lost) == total else "risk"
        text = f"{len(lost)} of {total} people in {name} cannot be reached by {ways}: {_names(lost)}"
        return Check("audience-reach", name, state, text, hint, None, facts.playbooks)
    return Check("audience-reach", name, "ok", f"{total} people in {name}, by {ways}", "", None, facts.playbooks)


def _by_channel(facts: AudienceFacts, channel: str) -> Check:
    subject, total = f"{facts.name} by {channel}", len(facts.people)
    lost = [p.person for p in facts.people if channel not in p.channels]
    if not lost:
        return Check("audience-channel", subject, "ok", f"all {total} by {channel}", "", None, facts.playbooks)
    if len(lost) == total:
        text = f"{channel} reaches nobody of the {total} people in {facts.name}: none has an address that it can use"
        hint = f"Give them what {channel} needs, or take it out of the playbook."
        return Check("audience-channel", subject, "fail", text, hint, None, facts.playbooks)
    text = f"{channel} does not reach {len(lost)} of {total} people in {facts.name}: {_names(lost)}"
    return Check("audience-channel", subject, "risk", text, f"Complete the contacts for {channel}.", None,
                 facts.playbooks)  # fmt: skip


def approver(facts: Approver) -> Check:
    """Two ways each: one may be what is down, or lie on a table at home."""
    count, who = len(facts.ways), facts.person
    if count >= 2:
        return Check("approver-ways", who, "ok", f"{who} can be asked by {count} ways", "", None, facts.playbooks)
    hint = f"Give {who} a second address on a channel that asks: serve: ask: channels: and the contacts."
    if not count:
        text = f"{who} may approve and cannot be asked: no phone, no id on a channel that asks"
        if facts.answers:
            text += "; only at a terminal can the answer be given, by whoever knows that it is wanted"
        state: State = "risk" if facts.answers else "fail"
        return Check("approver-ways", who, state, text, hint, None, facts.playbooks)
    text = f"{who} may approve and can be asked by one way only: where that is down, the answer does not come"
    return Check("approver-ways", who, "risk", text, hint, None, facts.playbooks)


def gate(facts: GateFacts) -> Check:
    """Are there enough people behind a gate, and one to spare?"""
    subject, whom = f"{facts.playbook}/{facts.step}", ", ".join(facts.references) or "nobody"
    text = f"{facts.persons} of {whom} can answer at {facts.step} of {facts.playbook}, {facts.least} must say yes"
    books = (facts.playbook,)
    if facts.persons < facts.least:
        hint = "Add people to the group, or give them addresses."
        return Check("approvers-enough", subject, "fail", text, hint, None, books)
    if facts.persons == facts.least:
        hint = "Add one more person: one who is ill stops the playbook."
        return Check("approvers-enough", subject, "risk", text, hint, None, books)
    return Check("approvers-enough", subject, "ok", text, "", None, books)


def persons_apart(ways: Mapping[str, Collection[str]]) -> int:
    """How many persons there are, when those who share an address count as one."""
    groups: list[set[str]] = []
    for mine in ways.values():
        joined = set(mine)
        apart = [g for g in groups if not g & joined]
        for other in (g for g in groups if g & joined):
            joined |= other
        groups = [*apart, joined]
    return len(groups)


def _names(people: Sequence[str]) -> str:
    shown = ", ".join(people[:NAMED])
    return shown if len(people) <= NAMED else f"{shown} and {len(people) - NAMED} more"
