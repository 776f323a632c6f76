"""What must hold of every text that is read aloud at 03:00. Returned are those that do not hold, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bcp.cli.verdict_view import full
from bcp.contracts.kinds import BY_NAME
from bcp.detect.aloud import TITLES, aloud
from bcp.detect.truth import MOVING, letters, stretches, true_at
from bcp.detect.works import WORKS

LONGEST, WHOLE = 75, 170
"""Words of one part, and of all four."""
FLOAT = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])")
CODES = re.compile(r"[{}<>_]|\bNone\b|\bTrue\b|\b(" + "|".join(k for k in BY_NAME if "-" in k) + r")\b")
STANCE = {
    "none": r"^Nothing",
    "watch": r"[Ll]eave MX alone",
    "wait": r"^Prepare, and leave MX alone",
    "switch": r"^Move MX",
    "tell": r"^Leave MX alone.*Tell people",
    "direct": r"out of the relay",
    "fix-own": r"our own fault\. Leave MX alone",
    "ask": r"A person decides",
    "hold": r"^Leave everything as it is",
    "failback": r"^Go back",
}
SAID = {
    "A": "mailbox",
    "B": "from outside|probers|test mails are not taken",
    "C": "to the outside",
    "D": "sign",
    "E": "does not resolve|fails to resolve|front door|servers or places",
    "F": "refused for good",
    "G": "relay or gateway",
    "H": "our own|On our own side|Nothing of the service|We cannot see",
}
CONTRARY = (
    ("cannot be opened", "can be opened"),
    ("cannot sign in", "people can sign in"),
    ("does not resolve", "name resolves"),
    ("front door does not answer", "front door answers"),
    ("does not get through the relay", "through the relay works"),
)


def wrong(played) -> list[str]:
    """Of every verdict of an outage that was played."""
    truth = stretches(played.file.truth, played.file.start, played.file.length)
    out = []
    for beat in played.changes:
        broken = true_at(truth, beat.at, slack_s=3600.0) if truth else None
        out += [f"{beat.at:g} s: {w}" for w in wrong_of(beat.decision, beat.playbook, broken)]
    return out


def wrong_of(d, playbook="", broken=None) -> Iterator[str]:
    """Of one verdict; ``broken``: what is truly broken, where that is known."""
    said = aloud(d, playbook)
    yield from _form(said)
    if bool(re.search(r"\bmove MX", f"{said.do} {said.well}", re.IGNORECASE)) != (d.action == "switch"):
        yield f"{d.action}: {said.do}"
    if broken is not None and d.action == "switch" and not broken & MOVING:
        yield f"{said.do} (while {sorted(broken)} is broken)"
    if not re.search(STANCE[d.action], said.do):
        yield f"{d.action} is not what {said.do!r} says"
    if (d.state == "healthy") != said.broken.startswith(("Nothing any more", "Nothing of the service.")):
        yield f"{d.state}: {said.broken}"
    if (d.state == "unknown") != said.broken.startswith("We cannot see"):
        yield f"{d.state}: {said.broken}"
    right = d.classes[:1] if broken is None else [c for c in d.classes if c in letters(broken)]
    yield from (f"{c} is not named: {said.broken}" for c in right if not re.search(SAID[c], said.broken, re.I))
    yield from _contrary(d, said)
    shown = " ".join(full(d, "Exchange Online", 0.0, {}, playbook, reasons=True).split())
    yield from (
        f"explain does not say {t}" for t, text in said.parts() if " ".join(f"{t}: {text}".split()) not in shown
    )


def _form(said) -> Iterator[str]:
    total = 0
    for title, text in said.parts():
        words = len(text.split())
        total += words
        if not words or not re.search(r"[.?]$", text) or not re.match(r"[A-Z0-9]", text):
            yield f"{title} is no sentence: {text!r}"
        if words > LONGEST:
            yield f"{title} has {words} words: {text}"
        if found := FLOAT.search(text) or CODES.search(text):
            yield f"{title} says {found.group(0)!r}: {text}"
        if re.search(r"\.\.|\?\.|: \.|  |,\.", text):
            yield f"{title} is put together badly: {text!r}"
    if total > WHOLE:
        yield f"{total} words"


def _contrary(d, said) -> Iterator[str]:
    seen = said.well.split("Nobody can see")[0]
    if d.state == "down":
        yield from (f"both {a!r} and {b!r}" for a, b in CONTRARY if a in said.broken and b.lower() in seen.lower())
    for view in d.views:
        if view.status in {"down", "unknown"} and WORKS.get(view.name, "-") in seen:
            yield f"{view.name} is {view.status} and is said to work"


assert len(TITLES) == 4
