"""The first pages of a report, from the document ``bcp.report/2``: the answer, the numbers against their targets, the
course as a picture, plots, who was told, findings, sign-off. Pure: plain data in, values for the template out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bcp.kernel.units import format_duration
from bcp.pages.annexes import finding_said
from bcp.pages.annexes_course import channel_name, counted_by, percent, step_name
from bcp.pages.cells import WRITTEN
from bcp.pages.picture import ladder, plot
from bcp.pages.times import Times
from bcp.pages.words import Words

Data = Mapping[str, Any]
SHOWN = 9
"""Numbers on the first page; the others stand in the annex."""
TONES = {"yes": "ok", "no": "bad", "not-yet": "busy", "not-known": "warn", "no-objective": "soft"}
ORDER = ("rto_receive", "rto_communicate", "rpo_messages", "wrt", "mtpd")
"""In which order objectives are read."""
BARS = ("sent", "delivered", "relayed", "bounced", "lost", "left")
BAD = frozenset({"bounced", "lost"})
_TONES = {
    "met": "ok", "missed": "bad", "not-reached": "bad", "not-known": "warn", "not-measured": "soft", "open": "busy",
    "void": "bad",
}  # fmt: skip


def front(d: Data, words: Words) -> dict[str, Any]:
    """Values of ``report_front.html``."""
    record, times = d["record"], Times(d["zone"], words.language)
    cards, notes = numbers(d, words)
    return {
        "answer": {**d["answer"], "tone": TONES[d["answer"]["code"]]},
        "exercise": record["kind"] != "incident",
        "headline": headline(d, words),
        "facts": _facts(d, words, times),
        "cards": cards,
        "notes": notes,
        "lanes": [x for x in (lane(d, "away", words, times), lane(d, "back", words, times)) if x is not None],
        "curve": _curve(record, words, times),
        "queue": _queue(record, words, times),
        "bars": _bars(record, words),
        "told": [_told(r, words) for r in record["receipts"]],
        "findings": [_finding(f, words) for f in record["findings"] if f["state"] != "dismissed"],
        "conclusions": record["conclusions"],
        "signatures": record["signatures"],
    }


def headline(d: Data, w: Words) -> str:
    """The title. One that nobody gave says the kind and the playbook, or quotes the scenario."""
    record = d["record"]
    if d["title"] not in {record["scenario"]["title"], record["id"]} or record["kind"] == "incident":
        return str(d["title"])
    if record["scenario"]["name"] or not record["playbooks"]:
        return w.told_or_quoted(d["title"], *WRITTEN)
    book = record["playbooks"][0]
    return w("headline.untitled", kind=w(f"kind.{record['kind']}"), playbook=w.named(book["title"]) or book["name"])


def _facts(d: Data, w: Words, times: Times) -> list[tuple[str, str]]:
    """What it was, when, of what, led by whom."""
    r = d["record"]
    took = r["ended"] - r["started"] if r["ended"] and r["started"] else None
    since = r["started"] or r["planned_start"]
    leads = [p["name"] for p in r["participants"] if p["role"] in {"facilitator", "incident manager"}]
    books = [w.named(p["title"]) or p["name"] for p in r["playbooks"]]
    rows = [
        ("kind", w(f"kind.{r['kind']}")),
        ("scenario", w.told_or_quoted(r["scenario"]["title"] or r["scenario"]["name"], *WRITTEN)),
        ("when", f"{times.day(since)}, {times.minute(since)}" if since else w("not-known")),
        ("took", format_duration(round(took)) if took is not None and took >= 0 else ""),
        ("playbook", w.listed(list(dict.fromkeys(books)))),
        ("led-by", w.listed(leads)),
    ]
    return [(w(f"fact.{key}"), text) for key, text in rows if text]


def numbers(d: Data, w: Words) -> tuple[list[dict[str, Any]], list[str]]:
    """Cards of the first page, and the footnotes that say how each was measured."""
    figures = d["figures"]
    goals = sorted((f for f in figures if f["judged"]), key=_place)
    shown = goals if len(goals) <= SHOWN else _worst(goals)
    known = {f["code"]: f for f in reversed(figures) if not f["judged"] and f["value"] is not None}
    extra = [known[c] for c in ("detection", "decision", "receive-95", "mails.lost") if c in known]
    if any(f["code"] == "rpo_messages" for f in goals):
        extra = [f for f in extra if f["code"] != "mails.lost"]
    notes: list[str] = []
    cards = []
    for f in [*shown, *extra][: max(SHOWN, len(shown))]:
        if f["measured"] not in notes:
            notes.append(f["measured"])
        cards.append(_card(f, notes.index(f["measured"]) + 1, w))
    return cards, notes


def _place(f: Data) -> int:
    return ORDER.index(f["code"]) if f["code"] in ORDER else len(ORDER)


def _worst(goals: Sequence[Data]) -> list[Data]:
    """Of very many objectives those that were not met first."""
    return sorted(goals, key=lambda f: f["judged"] == "met")[:SHOWN]


def _card(f: Data, note: int, w: Words) -> dict[str, Any]:
    small = ""
    if f["target"] is not None:
        target = format_duration(round(f["target"], 1)) if f["unit"] == "s" else w.number(f["target"])
        small = w("target", target=target)
    elif f["subject"]:
        small = f["subject"]
    state = f"judged-{f['judged']}" if f["judged"] else ""
    return {"label": f["label"], "big": f["display"], "small": small, "state": state, "note": note,
            "tone": _TONES.get(f["judged"], "")}  # fmt: skip


def lane(d: Data, name: str, w: Words, times: Times) -> dict[str, Any] | None:
    """One line of time with its milestones."""
    rows = [m for m in d["milestones"] if m["lane"] == name]
    if len(rows) < 2:
        return None
    marks, end = ladder([(m["after"], m["target"]) for m in rows])
    drawn = [_rung(m, mark, w, times) for m, mark in zip(rows, marks, strict=True)]
    table = d["record"]["kind"] == "tabletop"
    key = "tabletop" if table else name
    return {
        "title": w(f"lane.{name}"),
        "zero": w(f"lane.{key}.zero"),
        "rows": [{**r, "clock": ""} for r in drawn] if table else drawn,
        "half": format_duration(round(end / 2)),
        "end": format_duration(round(end)),
        "targets": any(r["target"] is not None for r in drawn),
        "forecast": any(r["forecast"] for r in drawn),
    }


def _rung(m: Data, mark: Any, w: Words, times: Times) -> dict[str, Any]:
    after = format_duration(m["after"]) if m["after"] else "0s"
    tone = _TONES.get(m["judged"], "") or {"outage": "bad", "rejected": "bad", "aborted": "bad"}.get(m["code"], "busy")
    words = w("rung", label=m["label"], after=after)
    if m["target"] is not None:
        words += ", " + w("target", target=format_duration(m["target"]))
    return {
        "label": m["label"], "after": f"+{after}" if m["after"] else "0", "clock": times.clock(m["at"]),
        "x": mark.x, "target": mark.target, "tone": "soft" if m["forecast"] else tone, "forecast": m["forecast"],
        "words": words,
    }  # fmt: skip


def _curve(r: Data, w: Words, times: Times) -> dict[str, Any] | None:
    """Who was told the new MX, in per cent of those who were asked."""
    asked = [p for p in r["propagation"] if p["asked"] and p["what"] != "authoritative"]
    rows = [p for p in asked if p["what"] != "forecast"] or asked
    if not rows:
        return None
    series = [(p["at"], 100.0 * p["new"] / p["asked"]) for p in rows]
    forecast = rows[-1]["what"] == "forecast"
    found = plot(series, 100.0, "line" if forecast else "stairs")
    if found is None:
        return None
    return {
        **_axes(series, times, w), "plot": found, "title": w("plot.propagation"), "top": w.percent(100.0),
        "how": w(f"how.{'forecast' if forecast else 'resolvers'}"), "forecast": forecast,
        "words": w("plot.propagation.words", first=w.percent(series[0][1]), last=w.percent(series[-1][1]),
                   took=format_duration(round(found.seconds))),
    }  # fmt: skip


def _queue(r: Data, w: Words, times: Times) -> dict[str, Any] | None:
    """How many mails the relay held."""
    series = [(at, float(n)) for at, n in r["mails"]["queue"]]
    most = max((n for _, n in series), default=0.0)
    found = plot(series, most, "stairs")
    if found is None or not most:
        return None
    return {
        **_axes(series, times, w), "plot": found, "title": w("plot.queue"), "top": w.number(most),
        "how": w("how.queue"), "forecast": False,
        "words": w("plot.queue.words", most=w.number(most), last=w.number(series[-1][1])),
    }  # fmt: skip


def _axes(series: Sequence[tuple[float, float]], times: Times, w: Words) -> dict[str, str]:
    first, last = times.minute(series[0][0]), times.minute(series[-1][0])
    if first == last:
        first, last = times.second(series[0][0]), times.second(series[-1][0])
    return {"first": first, "last": last, "bottom": "0"}


def _bars(r: Data, w: Words) -> dict[str, Any] | None:
    """Mail counted to its end, as bars of one length for the most."""
    mails = r["mails"]
    rows = [(n, mails[n]) for n in BARS if mails[n] is not None]
    most = max((n for _, n in rows), default=0)
    if not rows or not most:
        return None
    drawn = [
        {"label": w(f"figure.mails.{n}"), "count": w.number(count), "x": round(1000.0 * count / most, 1),
         "tone": "bad" if n in BAD and count else "busy"}
        for n, count in rows
    ]  # fmt: skip
    return {"rows": drawn, "how": w(f"how.{counted_by(mails)}")}


def _told(r: Data, w: Words) -> dict[str, Any]:
    due = r.get("due", True)
    return {
        "step": step_name(r, w),
        "audience": r["audience"] or w("not-stated"),
        "channel": channel_name(r, w),
        "planned": r["planned"] + r["unreachable"],
        "sent": percent(r, r["sent"], w),
        **{n: percent(r, r[n], w) if due else "–" for n in ("delivered", "failed", "acknowledged")},
    }


def _finding(f: Data, w: Words) -> dict[str, Any]:
    said = {k: finding_said(f[k], w) for k in ("title", "proposal")}
    return {**f, **said, "severity": f"severity-{f['severity']}", "state": f"finding-{f['state']}"}
