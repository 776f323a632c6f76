"""The verdict for people: one line a plane with its history, what it is, what to do and by when. Text only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bcp.cli.render import OUT, clock, paint, status_word, width, wrap
from bcp.detect.aloud import aloud
from bcp.detect.planes import PlaneView
from bcp.detect.reasons import evidence_of
from bcp.detect.verdict import TITLES, Decision
from bcp.detect.wording import ACTIONS, BARS, STAGES
from bcp.detect.works import spared_of, unseen_of, works_of
from bcp.kernel.clock import iso, moment_text
from bcp.kernel.units import format_duration

_PLAIN = {"ok": "_", "suspect": "-", "partial": "=", "down": "#", "unknown": "."}
_STYLES = {"down": "bad", "ok": "ok", "partial": "warn", "suspect": "warn", "unknown": "soft"}
SPARK = 24
ON_RELAY = frozenset({"active", "recovering"})
"""Stages in which the relay takes the mail: no sender waits, and no clock runs for them."""


def can_draw() -> bool:
    """May we print block characters?"""
    try:
        "▁█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def spark(statuses: Sequence[str], cells: int = SPARK) -> str:
    """The last rounds, the newest on the right."""
    marks = BARS if can_draw() else _PLAIN
    return "".join(marks.get(s, "?") for s in statuses[-cells:]).rjust(cells)


def headline(d: Decision, service: str) -> str:
    """One line: what it is."""
    what = " and ".join(f"{c} ({TITLES[c]})" for c in d.classes)
    sure = f", {d.confidence} % sure" if d.classes and d.confidence else ""
    stage = f" ({STAGES[d.stage]})" if d.stage in STAGES else ""
    return f"{service} is {status_word(d.state)}" + (f", class {what}{sure}" if what else "") + stage


def plane_lines(d: Decision, lines: Mapping[str, Sequence[str]]) -> list[str]:
    """One line a plane. Planes at which nothing looks are left out until somebody reports something."""
    shown = [v for v in d.views if v.status != "unknown" or any(w.role.value == "look" for w in v.ways)]
    cells = SPARK if width() >= 76 else 10
    return [_plane_line(v, lines.get(v.name, ()), cells, told=bool(d.evidence)) for v in shown]


def _plane_line(view: PlaneView, line: Sequence[str], cells: int, *, told: bool) -> str:
    """``told``: the evidence stands below in full; a single look, which has no rounds to show, leaves it to that."""
    bad = [w for w in view.ways if w.down or w.suspect or w.share]
    text = evidence_of(bad[0]) if bad and view.status not in {"ok", "unknown"} else ""
    if not line:
        return _one_look(view, "" if told else text)
    room = width() - 21 - cells
    text = text if len(text) <= room else text[: max(0, room - 3)] + "..."
    return f"  {view.name:<9} {paint(f'{view.status:<8}', _STYLES[view.status])}{spark(line, cells)} {text}".rstrip()


def _one_look(view: PlaneView, text: str) -> str:
    head = f"  {view.name:<9} {paint(f'{view.status:<8}', _STYLES[view.status])}"
    return wrap(text, " " * 20, head) if text else head.rstrip()


def clock_lines(d: Decision, now: float) -> list[str]:
    """The decision clock."""
    out = []
    for at, what in d.clock:
        left = at - now
        when = f"in {format_duration(round(left))}" if left > 0 else f"{format_duration(round(-left))} ago"
        text = wrap(f"{what} ({when})", " " * 20, f"  {moment_text(at, now, OUT.zone):<16}  ")
        out.append(paint(text, "warn") if what == "decide" else text)
    return out


def proposal(d: Decision, now: float, playbook: str, *, fold: bool = True) -> list[str]:
    """What to do, and with what."""
    by = f", by {clock(d.decide_at, seconds=False)}" if d.decide_at is not None and d.decide_at > now else ""
    text = f"{ACTIONS.get(d.action, d.action)}{by}: {d.why}"
    out = [wrap(text, "          ", "Proposal: ") if fold else f"Proposal: {text}"]
    if playbook and d.action not in {"none", "watch", "fix-own", "hold"}:
        out.append(f"Playbook: {playbook} (bcp plan {playbook})")
    return out


def full(
    d: Decision, service: str, now: float, lines: Mapping[str, Sequence[str]], playbook: str, *, reasons: bool = False,
    exact: bool = True,
) -> str:  # fmt: skip
    """Everything, for a person who has to decide. ``exact``: is it known when it began, or only at least since when?"""
    out = [wrap(headline(d, service), "  ", "")]
    if reasons:
        out += aloud_lines(aloud(d, playbook).parts())
    out += plane_lines(d, lines)
    if d.since is not None and d.state in {"down", "suspect"}:
        since = "Since" if exact else "At least since"
        lasted = format_duration(max(1, round(now - d.since)))
        out.append(f"{since} {moment_text(d.since, now, OUT.zone)} ({lasted}).")
    if d.domains or (d.spared and d.state == "down"):
        out.append(
            wrap(f"It is of {'; '.join((', '.join(d.domains) or 'all domains', *spared_of(d.spared_as())))}.", "  ", "")
        )
    out += [] if reasons else works_lines(d)
    out += proposal(d, now, playbook)
    out += [wrap(f"{w}.", "    ", "  ! ") for w in d.words]
    out += [wrap(e, "    ", "  - ") for e in d.evidence[:6]]
    if d.flapping:
        out.append(wrap(f"It is flapping ({d.flap:.0f} %): nothing is started by itself.", "    ", "  ! "))
    if reasons:
        out += ["For:", *(wrap(t, "    ", "  + ") for t in d.reasons_for or ("nothing",))]
        out += ["Against:", *(wrap(t, "    ", "  - ") for t in d.reasons_against or ("nothing",))]
        out += ["What would change it:", *(wrap(t, "    ", "  * ") for t in d.changes or ("nothing that is known",))]
    if d.clock and d.stage not in ON_RELAY:
        out += ["Clock:", *clock_lines(d, now)]
    out += [wrap(n, "    ", "  . ") for n in d.notes[:8] if n not in d.evidence]
    return "\n".join(out)


def aloud_lines(parts: Iterable[Sequence[str]]) -> list[str]:
    """The four texts that somebody can read aloud, between empty lines."""
    return ["", *(wrap(text, "  ", f"{title}: ") for title, text in parts), ""]


def works_lines(d: Decision) -> list[str]:
    """What is not broken, and what nobody can see; nothing while all is well."""
    if d.state == "healthy":
        return []
    works, unseen = works_of(d.views), unseen_of(d.views)
    out = [wrap(f"Not broken: {'; '.join(works)}.", "  ", "")] if works else []
    return out + ([wrap(f"Nobody can see whether {', or whether '.join(unseen)}.", "  ", "")] if unseen else [])


def data_of(d: Decision, base: Mapping[str, Any], now: float, playbook: str) -> dict[str, Any]:
    """``bcp.verdict/2``."""
    planes = [
        {
            "name": v.name,
            "status": v.status,
            "share": round(v.share, 3),
            "ways": [
                {
                    "way": w.way,
                    "down": w.down,
                    "known": w.known,
                    "vantages": list(w.split),
                    "targets": [w.down_targets, w.targets],
                }
                for w in v.ways
            ],
        }
        for v in d.views
    ]
    since = iso(d.since)
    return {
        "at": iso(now),
        **base,
        "since": since,
        "planes_down": list(d.planes),
        "planes": planes,
        "playbook": playbook,
    }
