"""A verdict to be read aloud at 03:00: what is broken, what is not, what to do, what would change our mind. Pure.

Four short texts in whole sentences. They follow from the verdict's codes (classes, action, refusals, rules of
evidence), never from its prose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bcp.contracts.probe import Role
from bcp.detect.inbound import sees_known
from bcp.detect.planes import ProbeView
from bcp.detect.refusals import ALONE, LOST, OVER_NOW, UNTRIED
from bcp.detect.verdict import MOVED, ONCE, SWITCHES, Decision
from bcp.detect.works import WORKS, spared_of, unseen_of, works_of

TITLES = ("What is broken", "What is not", "What to do", "What would change our mind")


@dataclass(frozen=True, slots=True)
class Aloud:
    """The four texts."""

    broken: str
    well: str
    do: str
    change: str

    def parts(self) -> tuple[tuple[str, str], ...]:
        """Each with its title."""
        return tuple(zip(TITLES, (self.broken, self.well, self.do, self.change), strict=True))


def aloud(d: Decision, playbook: str = "") -> Aloud:
    """The verdict in four texts. ``playbook``: the one that is recommended."""
    return Aloud(_broken(d), _well(d), _do(d, playbook), _change(d))


# -- what is broken ----------------------------------------------------------------------------------------------------

_BROKEN = {
    "A": "mailboxes cannot be opened",
    "B": "mail from outside is not taken; its senders keep it and try again",
    "C": "mail to the outside does not come out",
    "D": "people cannot sign in",
    "F": "mail to people who exist is refused for good; it bounces, and does not come again by itself",
    "G": "mail does not get through the relay or gateway, while the direct way works",
    "dns": "the name of the MX host does not resolve, so senders do not find the way in and some bounce",
    "names": "the name of the MX host fails to resolve now and then",
    "edge": "the web front door does not answer",
}
_IMAP = "mail programs that use IMAP get no answer"
_LIMITED = "our own probers are limited or refused; whether other people's mail is, nobody can tell"
_ALONE = "one monitoring recipient is refused for good, and nothing shows whether anybody else is"
_LOST = "monitoring recipients are refused for good, and test mails that are taken do not come out"
_G_UNSEEN = "mail does not get through the relay or gateway, and nobody sees whether the direct way works"
_BOUNCED = "mail from outside is refused for good, and no reply says whether that is ours alone"
_MAILS = "our test mails are not taken; whether other people's mail is, nobody can tell"
_UNTRIED = "monitoring recipients are refused for good; a test mail that was sent just now will show whether others are"
_CONTRADICTED = "mail from outside is not taken, as every look of ours finds, and yet a test mail came through"
_CONTRADICTED_THERE = _CONTRADICTED.replace("every look of ours", "every look of some places")
_PARTLY = "a part of the mail to people who exist is refused for good; it bounces"
_B_PARTLY = "a part of the mail from outside is not taken; its senders keep it and try again"
_SLOW = {
    "A": "some mailboxes open slowly, or not at all",
    "B": "mail from outside comes in, but slowly, or not at every address or place",
    "C": "mail to the outside comes out late",
    "D": "sign-in is slow, or fails for some",
    "E": "some servers or places do not answer as they should, while others do",
    "G": "the way through the relay or gateway is slow, or fails in part",
}
"""Of classes of which nothing fails as a whole."""
_PLACES = "the service limits or refuses the addresses of some of our probers, and serves others well"
_NOW_AND_THEN = "Something fails now and then; it is no outage yet."
_EBBS = "What failed is well again, but not for long enough to call it over."
_OTHERS = "Others say that"
_OVER = "Nothing any more, as far as anything looks."
_UNSEEN = " Nobody can see inbound mail, though."
_RELAYED = {
    _BROKEN["B"]: "Exchange Online does not take mail from outside; it goes to the relay meanwhile",
    _B_PARTLY: "a part of the mail from outside would not be taken by Exchange Online; it goes to the relay meanwhile",
    _BROKEN["F"]: "mail to people who exist would be refused for good by Exchange Online; it goes to the relay "
    "meanwhile",
    _PARTLY: "a part of the mail to people who exist would be refused for good by Exchange Online; it goes to the "
    "relay meanwhile",
    _BROKEN["dns"]: "the name of the MX host does not resolve; mail goes to the relay meanwhile",
}
"""What is said instead while MX is on the relay: no sender waits then, and nothing bounces."""
_ZONE = "our own zone does not answer, so senders do not find where our mail goes"


def _broken(d: Decision) -> str:
    letters = _letters(d)
    mine = [c for c in letters if not d.domains or _apart(d, c)]
    things = list(dict.fromkeys(t for c in (mine or letters) if (t := _thing(d, c))))
    rest = list(dict.fromkeys(t for c in letters if mine and c not in mine and (t := _thing(d, c))))
    own = _own(d)
    if d.state == "healthy":
        ours = f" On our own side: {own}" if own else ""
        usual = (
            "Nothing of the service. A look failed just now, and one alone decides nothing."
            if d.why == ONCE
            else "Nothing of the service."
        )
        unseen = _UNSEEN if WORKS["inbound"] in unseen_of(d.views) else ""
        return (_OVER if d.stage in {"confirmed", "closed"} else usual) + unseen + ours
    if d.state == "unknown":
        before = f" When it was seen last: {_and(things)}." if things else ""
        said = f" Others speak of an outage: {'; '.join(_others(d)[:2])}." if _others(d) else ""
        return (
            f"We cannot see all of it. {f'On our own side: {own}' if own else 'The looks say nothing.'}{before}{said}"
        )
    if not things:
        ours = own or (f"{_PLACES}." if "H" in d.classes else "")
        if ours:
            return f"Nothing of the service, as far as anything looks. On our own side: {ours}"
        return _EBBS if d.stage == "confirmed" else _NOW_AND_THEN
    apart = _by_domain(d, letters)
    text = f"{_upper(apart or _as_sure(d, _and(things)))}."
    places = "" if text.startswith(_OTHERS) else _alone(d)
    elsewhere = _ELSEWHERE if letters != d.classes else ""
    where = (
        f"{'' if apart else f' This is so for {_and(d.domains)}.'}{elsewhere}"
        f"{f' For everybody, {_and(rest)}.' if rest else ''}"
        if d.domains
        else f" Seen from {places} only."
        if places
        else ""
    )
    unsteady = " It comes and goes." if d.flapping else ""
    if d.action == "wait" and d.refusals[:1] == ("failing-now",):
        unsteady += " At this moment the newest looks are well."
    return f"{text}{where}{unsteady}{f' On our own side: {own}' if own and 'H' in d.classes else ''}"


_ELSEWHERE = " Of another domain a part of the mail to people who exist is refused for good, and bounces."


def _by_domain(d: Decision, letters: Sequence[str]) -> str:
    """Of several domains that are down by different classes, which is which; empty where all fare alike."""
    down = [c for c in d.cases if c.domain and c.state == "down"]
    mine = [x for x in letters if _apart(d, x)]
    where = {
        x: tuple(sorted(c.domain for c in down if x in c.classes and (x != "E" or "dns" in c.planes))) for x in mine
    }
    if d.state != "down" or letters != d.classes or len(set(where.values())) < 2 or not all(where.values()):
        return ""
    return _and(f"for {_and(names)}, {_thing(d, x)}" for x, names in where.items())


def _apart(d: Decision, letter: str) -> bool:
    """Is this class one of domains? Mailboxes, sign-in, the web and the way out are everybody's."""
    return letter in "BFG" or (letter == "E" and "dns" in d.planes)


def _letters(d: Decision) -> tuple[str, ...]:
    """The classes of the domains that are down. Class F may be of a part of another one, and is said apart then."""
    mine = [c for c in d.cases if c.domain and c.domain in d.domains]
    if "F" not in d.classes or not mine or any("F" in c.classes for c in mine):
        return d.classes
    return tuple(dict.fromkeys(x for c in mine for x in c.classes))


def _as_sure(d: Decision, text: str) -> str:
    """The clause, said no more surely than it is known."""
    if d.state == "down" or text.startswith(("a part of", _ALONE, _ENDING)):
        return text
    if d.partial:
        return f"nothing fails as a whole: {text}" if d.action == "watch" else f"for some, or now and then, {text}"
    bad = [w for v in d.views if v.status != "ok" for w in v.ways if w.down or w.suspect]
    if bad and all(w.role is not Role.LOOK for w in bad):
        return f"{_OTHERS.lower()} {text}; none of our own looks sees it"
    if d.stage in {"confirmed", "active"} and not any(w.raw for w in bad if not w.muted):
        return f"it may be ending, as the newest looks are well, but it is not over yet: {text}"
    return f"it is not sure yet, but it looks as if {text}"


def _thing(d: Decision, letter: str) -> str:
    """What a class says is broken, as a clause."""
    if d.partial and d.action == "watch" and letter in _SLOW:
        return _SLOW[letter]
    if letter == "B":
        return _on_relay(d, _deferred(d))
    if letter == "F":
        return _on_relay(d, _refused(d))
    if letter == "G" and (d.action == "ask" or any(v.name == "inbound" and not sees_known(v.ways) for v in d.views)):
        return _G_UNSEEN
    if letter == "E":
        return _names(d)
    if letter == "H":
        zone = any(v.name == "zone" and v.status in {"down", "partial", "suspect"} for v in d.views)
        return _ZONE if zone else ""
    return _BROKEN[letter]


def _names(d: Decision) -> str:
    """Class E: the MX host's name, the web front door, or both; and how surely."""
    bad = {v.name for v in d.views if v.status in {"down", "partial", "suspect"}}
    confirmed = set(d.planes) & {"dns", "edge"}
    named: list[str] = [n for n in ("dns", "edge") if n in (confirmed or bad)]
    if d.state == "down" and "dns" in bad and "dns" not in confirmed:  # a part of it, beside something else
        named = [*(n for n in named if n != "dns"), "names"]
    ways = {w.way for v in d.views if v.name == "edge" for w in v.ways if w.down or w.suspect}
    said = [_IMAP if n == "edge" and ways == {"imap"} else _on_relay(d, _BROKEN[n]) for n in named]
    return "; ".join(said) or _BROKEN["edge"]


def _on_relay(d: Decision, text: str) -> str:
    """The clause, true for mail that goes to the relay. Of several domains some may have been left where they were."""
    relayed = d.stage in {"active", "recovering"} and not d.domains
    return _RELAYED.get(text, text) if relayed else text


def _deferred(d: Decision) -> str:
    """Class B: who sees it, and how much of it."""
    if "not-limited" in d.refusals:
        return _LIMITED
    if d.state != "down":
        return _B_PARTLY if d.partial else _BROKEN["B"]
    if "looked-at" in d.refusals:
        return _MAILS
    if "kept" in d.refusals:
        return _BOUNCED
    if "not-delivered" in d.refusals:
        lanes = [p for v in d.views if v.name in MOVED for w in v.ways if w.down for p in w.probes if p.down]
        return _CONTRADICTED_THERE if any(p.split[1] for p in lanes) else _CONTRADICTED
    part = "share" in d.refusals and "long-enough" not in d.refusals
    return _B_PARTLY if part or not set(d.planes) & set(MOVED) else _BROKEN["B"]


_ENDING = "mail to people who exist was refused for good until a few minutes ago, and is taken again"
_DOUBTS = {"rejects-alone": _ALONE, LOST: _LOST, UNTRIED: _UNTRIED}


def _refused(d: Decision) -> str:
    """Class F: how sure it is."""
    grounds = _grounds(d)
    if OVER_NOW in grounds and d.state != "down":
        return _ENDING
    doubt = next((text for rule, text in _DOUBTS.items() if rule in grounds), "")
    return doubt or (_BROKEN["F"] if d.state == "down" else _PARTLY)


def _own(d: Decision) -> str:
    """What is wrong on our side, in one sentence or two."""
    if "H" not in d.classes and d.state != "unknown":
        return ""
    where: dict[str, list[str]] = {}
    for note in d.own:
        place, colon, what = note.partition(": ")
        where.setdefault(what if colon else note, []).append(place if colon else "")
    said = [f"{_and(p for p in places if p)}: {what}".lstrip(": ") for what, places in where.items()][:2]
    return f"{'; '.join(said)}{'' if said[-1].endswith('?') else '.'}" if said else ""


def _others(d: Decision) -> list[str]:
    """What people, other systems and declarations say of an outage, where nothing of ours sees it."""
    told = [w for v in d.views if v.name in MOVED for w in v.ways if w.down and w.role in {Role.PEOPLE, Role.TOLD}]
    people = "people and other systems report that mail does not come in"
    return [*([people] if told else []), *(n for n in d.notes if n in d.reasons_for)]


def _alone(d: Decision) -> str:
    """Places that see it while the others do not."""
    if d.state == "down":
        return ""
    lanes = [p for v in d.views if v.name in MOVED for w in v.ways if not w.muted for p in w.probes]
    if any(p.down or _elsewhere(p) for p in lanes):
        return ""
    places = sorted({a for p in lanes for a in p.alone})
    return _and(places) if len(places) < max((sum(p.split) for p in lanes), default=0) else ""


def _elsewhere(p: ProbeView) -> bool:
    """Do more places see it fail, now and then, than those that see it down at this moment?"""
    known = p.split[0] + p.split[1]
    return bool(p.alone) and p.fail_share * known > len(p.alone) + 0.3


# -- what is not -------------------------------------------------------------------------------------------------------


def _well(d: Decision) -> str:
    works, unseen = works_of(d.views), unseen_of(d.views)
    if d.state == "healthy" and d.why == ONCE:
        return f"Whatever did not fail just now: {'; '.join(d.evidence[:3])}."
    if d.state == "healthy" and not unseen:
        return "Everything that is looked at is well."
    out = [f"{_upper(_and(works))}."] if works else ["Nothing is seen to be well."]
    out += [f"{text}." for text in spared_of(d.spared_as())]
    if unseen:
        out.append(f"Nobody can see whether {_and(unseen, 'or whether')}.")
    return " ".join(out)


# -- what to do --------------------------------------------------------------------------------------------------------

_DO = {
    "none": "Nothing.",
    "watch": "Keep watching and leave MX alone. Look again in five minutes: bcp status.",
    "wait": "Prepare, and leave MX alone for now: {why}.",
    "switch": "Move MX{of} to the relay now, because {why}.",
    "tell": "Leave MX alone: another MX would not help. Tell people by channels that do not fail with it.",
    "direct": "Keep MX out of the relay. If it is there already, go back: bcp failback.",
    "fix-own": "Repair our own fault. Leave MX alone; tell IT, and nobody else.",
    "fix-own-and-ask": "Repair our own fault. Leave MX alone, and send a mail from outside at once: until one of the "
    "two is done nobody knows whether what others say is so.",
    "hold": "Leave everything as it is: {why}.",
    "failback": "Go back to Exchange Online; a test mail goes first: bcp failback.",
    "said": "Leave MX alone: {why}.",
    "ask": "A person decides, and MX stays until then: {why}. {hint}",
    "ask-to-tell": "Leave MX alone. A person decides what people are told: {why}. {hint}",
}
_HINTS = {
    "alone": "Look whether what is refused still exists, and ask somebody outside to write to two others.",
    "limits": "Send a mail from an address outside that has nothing to do with us, and see whether it arrives.",
    "mail": "Send a mail from outside, see whether it arrives, and believe that.",
    "part": "Ask the help desk how many are affected, and tell people; decide by that.",
    "zone": "Let IT repair the zone first; then look again: bcp explain.",
    "relay": "Repair the relay first: bcp doctor.",
}


def _do(d: Decision, playbook: str) -> str:
    said = d.action == "watch" and set(d.refusals[:1]) & {"not-maintenance", "not-denied"}
    action = "said" if said else "ask-to-tell" if d.action == "ask" and not set(d.classes) & SWITCHES else d.action
    action = "fix-own-and-ask" if action == "fix-own" and d.state == "unknown" and _others(d) else action
    of = f" of {_and(d.domains)}" if d.domains else ""
    text = _DO.get(action, "{why}.").format(why=_why(d), hint=_HINTS[_hint(d)], of=of).replace("?.", "?")
    named = playbook and d.action not in {"none", "watch", "fix-own", "hold", "failback"}
    return f"{text} The playbook for it: bcp plan {playbook}." if named else text


def _why(d: Decision) -> str:
    if d.action == "wait" and "E" in d.classes and d.refusals[:1] == ("long-enough",):
        return "most senders keep the mail and try again, but not all of them"
    return d.why.removesuffix("; a person decides")


def _hint(d: Decision) -> str:
    if not ALONE.isdisjoint(_grounds(d)):
        return "alone"
    first = d.refusals[0] if d.refusals else ""
    return {
        "not-limited": "limits",
        "looked-at": "limits",
        "kept": "limits",
        "not-delivered": "mail",
        "seen": "mail",
        "zone-readable": "zone",
        "relay-ready": "relay",
    }.get(first, "part")


# -- what would change our mind ----------------------------------------------------------------------------------------


def _change(d: Decision) -> str:
    said = d.changes[:3]
    return " ".join(f"{_upper(c)}." for c in said) or "Nothing that is known; what the probes see is judged each round."


# -- words -------------------------------------------------------------------------------------------------------------


def _grounds(d: Decision) -> frozenset[str]:
    return frozenset(g for v in d.views for g in v.grounds)


def _and(texts: Iterable[str], word: str = "and") -> str:
    """a, b and c."""
    said = list(texts)
    if len(said) < 2:
        return "".join(said)
    if any("," in t or ";" in t for t in said):
        return f"; {word} ".join(["; ".join(said[:-1]), said[-1]])
    return f"{', '.join(said[:-1])} {word} {said[-1]}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
