"""What must be so after a game at the desk, judged by what vendors took and what people did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from bcp.contracts.incident import Asked
from liars.asking import TURNOUTS, Game
from liars.desk import MAILS, PHONES

POINTS: Mapping[str, str] = {
    "sms": "twilio.send", "whatsapp": "twilio.send", "voice": "twilio.call", "slack": "slack.post",
    "teams": "teams.post", "ntfy": "ntfy.post", "apprise": "apprise.post", "pagerduty": "pagerduty.send",
    "servicenow": "servicenow.write.send", "jira": "jira.write.send", "mail": "mail",
}  # fmt: skip
"""Where what each channel hands over arrives."""
PERSONAL = frozenset({"sms", "whatsapp", "voice", "mail"})
BELIEVING = frozenset({"apprise"})
"""Its library says yes to whatever is 2xx, and shows no more. The docs say so."""
QUIET = ("rows, ", "no rows", "empty pages", "done, every value empty")
"""Lists that may be what they say: nobody has answered yet."""
YES = frozenset({("teams.post", "a number")})
"""Lies that are the vendor's own word for yes."""


def wrong(game: Game, name: str) -> list[str]:
    """Everything that is not as it must be. Empty: all is well."""
    out = [*game.faults, *game.wrong]
    if game.part is not None and not game.told:
        out.append("the lie was never told")
    window = game.part.window if game.part is not None else "ask"
    if window == "tell":
        return [*out, *_told(game, name)]
    if window in {"weekly", "notice"}:
        return [*out, *_said(game), *(_weekly(game, name) if window == "weekly" else _notice(game, name))]
    if window == "gate":
        return [*out, *_rows(game), *_gate(game)]
    if window in {"press", "reply"}:
        answered = game.kinds("answered")
        return [*out, *([] if len(answered) == 1 else [f"{len(answered)} answers are on record, and one was given"])]
    out += [*_rows(game), *_once(game)]
    if window == "ask":
        out += _loud(game)
    if window == "hear":
        out += _heard(game)
    if window == "hear" and len(answered := game.kinds("answered")) != 1:
        out.append(f"{len(answered)} answers are on record, and one was given")
    if game.kinds("wrong_code"):
        out.append("a try with a wrong code is on record, and nobody made one")
    return out


def _heard(game: Game) -> Iterator[str]:
    """A list that is none is said to be none. One that is a list, and empty, cannot be told from silence."""
    part, said = game.part, game.kinds("unheard")
    if part is None or not part.always or game.heard or part.kind.startswith(QUIET):
        return
    if not said:
        yield "no answer could be heard, and nobody says so"
    elif len(said) != 1 or len(game.kinds("heard_again")) != 1:
        yield f"it is said {len(said)} times that answers cannot be heard"


def _rows(game: Game) -> Iterator[str]:
    """Rows of who was asked against what vendors hold."""
    if game.part is not None and (game.part.point, game.part.kind) in YES:
        return
    rows = [*game.asked, *game.other]
    held = Counter((point, to if to in PHONES.values() else "") for point, to, _ in game.taken)
    by: dict[tuple[str, str], Counter[str]] = {}
    for row in rows:
        to = PHONES.get(row.person, "") if row.channel in PERSONAL else ""
        by.setdefault((row.channel, to), Counter())[row.state] += 1
    for (channel, to), states in by.items():
        there = held[POINTS[channel], to]
        sent, doubt = states["sent"], states["doubt"]
        if states["claimed"]:
            yield f"{channel} {to}: {states['claimed']} are still said to be about to leave"
        if there < sent and channel not in BELIEVING:
            yield f"{channel} {to}: {sent} said to be sent, {there} taken"
        if there > sent + doubt:
            yield f"{channel} {to}: {there} taken, {sent} sent and {doubt} in doubt"


def _once(game: Game) -> Iterator[str]:
    """The same words are never handed over to a person twice: each turn has codes of its own."""
    for (point, to, text), times in Counter(game.taken).items():
        if times > 1 and to in PHONES.values():
            yield f"{point} took the same for {to or 'the place'} {times} times: {text[:60]!r}"


def _loud(game: Game) -> Iterator[str]:
    """Whoever could not be reached is tried by others; where nobody could be, that is said."""
    said = {str(d.get("question")) for d in game.kinds("nobody_reached")}
    for rows, who in ((game.asked, "the first question"), (game.other, "the second question")):
        if not rows:
            yield f"nobody was asked about {who}"
        if _nobody(rows) and not said:
            yield f"nobody is known to have been reached about {who}, and nobody says so"
    if not any(_nobody(rows) for rows in (game.asked, game.other)) and said and not _nobody_at_first(game.asked):
        yield "it is said that nobody was reached, and somebody was"
    if _nobody_at_first(game.asked) and not [a for a in game.asked if a.person == "bob"]:
        yield "Alice could not be asked, and Bob was not"


def _nobody(rows: Iterable[Asked]) -> bool:
    return not any(a.state == "sent" for a in rows)


def _nobody_at_first(rows: Iterable[Asked]) -> bool:
    return _nobody(a for a in rows if a.cycle == 0)


def _told(game: Game, name: str) -> Iterator[str]:
    """What the record says of two words to three people, against what vendors took."""
    told = game.kinds("told")
    if len(told) != 2:
        yield f"{len(told)} words are on record, and two were said"
        return
    ways = TURNOUTS[name].channels
    whole = sum(len(PHONES) if w in PERSONAL else 1 for w in ways)
    if [d["sent"] + d["failed"] for d in told] != [whole, whole]:
        yield f"{whole} were to be told, and the record counts {told}"
    if told[1]["failed"]:
        yield f"once the vendor was honest again, {told[1]['failed']} were not told"
    if game.part is not None and (game.part.point, game.part.kind) in YES:
        return
    if told[0]["sent"] + told[1]["sent"] > len(game.taken) and not BELIEVING & set(ways):
        yield f"{told[0]['sent'] + told[1]['sent']} are said to be told, and vendors took {len(game.taken)}"
    if not told[0]["sent"] and not game.kinds("nobody_told"):
        yield "nobody was told, and nobody says so"


# -- what asks nothing -----------------------------------------------------------------------------------------------


def _said(game: Game) -> Iterator[str]:
    """What our side believes of messages against what vendors hold."""
    if game.part is not None and (game.part.point, game.part.kind) in YES:
        return
    held = Counter((point, to if to in _EVERYBODY else "") for point, to, _ in game.taken)
    by: dict[tuple[str, str], Counter[str]] = {}
    for channel, address, state in game.said:
        by.setdefault((channel, address if channel in PERSONAL else ""), Counter())[state] += 1
    for (channel, to), states in by.items():
        there, sent, doubt = held[POINTS[channel], to], states["sent"], states["doubt"]
        if there < sent and channel not in BELIEVING:
            yield f"{channel} {to}: {sent} said to be sent, {there} taken"
        if there > sent + doubt:
            yield f"{channel} {to}: {there} taken, {sent} sent and {doubt} in doubt"


_EVERYBODY = frozenset({*PHONES.values(), *MAILS.values()})


def _silent(game: Game) -> Iterator[str]:
    """That nobody was told is said."""
    if "sent" not in game.first and not game.kinds("nobody_told"):
        yield "nobody was told, and nobody says so"
    if game.part is None and game.kinds("nobody_told"):
        yield "it is said that nobody was told, and everybody was"


def _weekly(game: Game, name: str) -> Iterator[str]:
    """Everybody has it once: what was provably not taken is sent when the vendor is honest again."""
    ways = Counter((c, a) for c, a, state in game.said if state != "failed")
    wanted = {(c, a) for c, a, _ in game.said}
    if (whole := sum(3 if w in PERSONAL else 1 for w in TURNOUTS[name].channels)) != len(wanted):
        yield f"{whole} addresses were to be told, and {len(wanted)} were tried"
    for way in sorted(wanted):
        if ways[way] != 1:
            yield f"{way} has had the weekly message {ways[way]} times"
    yield from _silent(game)


def _notice(game: Game, name: str) -> Iterator[str]:
    """Both reminders are on record as they went; one that reached nobody is not on record as given, and tried again."""
    people = sum(3 for w in TURNOUTS[name].channels if w in PERSONAL)
    if "sent" not in game.first:
        if game.reminded != [(people, 0)]:
            yield f"nobody got the first, {people} the second, and the record counts {game.reminded}"
    elif [sent + failed for sent, failed in game.reminded] != [people, people]:
        yield f"{people} were to be told, and the record counts {game.reminded}"
    elif game.reminded[1][1]:
        yield f"once the vendor was honest again, {game.reminded[1][1]} were not told"
    elif game.reminded[0][0] != game.first.count("sent"):
        yield f"the record counts {game.reminded[0][0]}, and {game.first.count('sent')} were told"
    yield from _silent(game)


def _gate(game: Game) -> Iterator[str]:
    """One yes, and the run goes on to its end, and tells people once."""
    if len(game.kinds("answered")) != 1:
        yield f"{len(game.kinds('answered'))} answers are on record, and one was given"
    if game.steps.get("approve") != "ok" or game.steps.get("run") not in {"done", "holding"}:
        yield f"after an honest yes the run is {game.steps}"
    reached = Counter(to for point, to, _ in game.after if point == "twilio.send")
    if reached != Counter(PHONES.values()):
        yield f"after an honest yes the run told {dict(reached)}"
