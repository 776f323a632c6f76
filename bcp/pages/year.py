"""The year as one page that prints well. Pure: the data of ``bcp.year/1`` in, text out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bcp.kernel.units import format_duration
from bcp.pages.annexes import finding_said
from bcp.pages.picture import ladder
from bcp.pages.render import page
from bcp.pages.times import Times
from bcp.pages.words import Words, words

Data = Mapping[str, Any]
KINDS = ("services", "playbooks", "audiences", "approvers", "channels", "classes")
LEVELS = ("real", "simulated", "never")


def year_page(data: Data, logo: str = "") -> str:
    """The whole page."""
    w = words(data["language"])
    return page("year.html", {"logo": logo, **year_values(data, w)}, data["zone"], w.language)


def year_values(data: Data, w: Words) -> dict[str, Any]:
    """What the page shows."""
    times = Times(data["zone"], w.language)
    levels = {n: [c for c in data["coverage"] if c["level"] == n] for n in LEVELS}
    return {
        "y": data,
        "tone": "bad" if levels["never"] else "warn" if levels["simulated"] else "ok",
        "from_day": times.day(data["since"]),
        "to_day": times.day(data["until"] - 1),
        "headline": w("year.headline", never=len(levels["never"]), all=len(data["coverage"])),
        "sentence": _sentence(levels, w),
        "cards": _cards(data, w),
        "never": _grouped(levels["never"], w, Counter(_title(c, w) for c in data["coverage"])),
        "groups": [
            (w(f"year.{what}"), [_row(c, w) for c in data["coverage"] if c["what"] == what])
            for what in KINDS
            if any(c["what"] == what for c in data["coverage"])
        ],
        "held": [_held(h, w) for h in data["held"]],
        "actions": [_action(a, w) for a in data["actions"]],
        "trends": _trends(data["trend"], w, times),
    }  # fmt: skip


def _action(a: Data, w: Words) -> dict[str, Any]:
    said = finding_said(a["title"], w)
    return {**a, "title": said, "severity": f"severity-{a['severity']}", "state": f"finding-{a['state']}"}


def _sentence(levels: Mapping[str, Sequence[Data]], w: Words) -> str:
    return w("year.sentence", real=len(levels["real"]), simulated=len(levels["simulated"]), never=len(levels["never"]))


def _title(c: Data, w: Words) -> str:
    if c["what"] == "classes":
        return w.known(f"class.{c['name']}", str(c["name"]))
    return w.named(str(c["title"] or c["name"]))


def _grouped(rows: Sequence[Data], w: Words, titles: Mapping[str, int]) -> list[tuple[str, str]]:
    """What has not been rehearsed, one line a kind. Of several with one title (a copied playbook) the name is said."""

    def said(c: Data) -> str:
        title = _title(c, w)
        return f"{title} ({c['name']})" if titles[title] > 1 and c["title"] else title

    return [
        (w(f"year.{what}"), "; ".join(names))
        for what in KINDS
        if (names := [said(c) for c in rows if c["what"] == what])
    ]


def _row(c: Data, w: Words) -> dict[str, Any]:
    said = [w.many("year.drills", len(c["drills"]))] if c["drills"] else []
    said += [w.many("year.incidents", len(c["incidents"]))] if c["incidents"] else []
    return {
        "title": _title(c, w), "name": c["name"] if c["title"] and c["what"] != "classes" else "",
        "state": f"covered-{c['level']}", "last": c["last"], "by": ", ".join(said),
    }  # fmt: skip


def _cards(data: Data, w: Words) -> list[dict[str, str]]:
    held = data["held"]
    drills = [h for h in held if h["kind"] != "incident"]
    done = [h for h in drills if h["outcome"] == "completed"]
    over = [h for h in held if h["state"] in {"ended", "closed"} and h["kind"] != "dry"]  # a dry one measures nothing
    goals, met = sum(h["objectives"] for h in over), sum(h["reached"] for h in over)
    late = sum(1 for a in data["actions"] if a["overdue"])
    missed = sum(1 for h in drills if h["state"] == "missed")
    return [
        {"label": w("year.card.drills"), "big": w("run.of", some=len(done), all=len(drills)),
         "small": w("year.card.missed", count=missed)},
        {"label": w("year.card.incidents"), "big": str(len(held) - len(drills)), "small": ""},
        {"label": w("run.objectives-met"), "big": w("run.of", some=met, all=goals), "small": w("year.card.counted")},
        {"label": w("year.card.findings"), "big": str(len(data["actions"])),
         "small": w("year.card.overdue", count=late)},
    ]  # fmt: skip


def _held(h: Data, w: Words) -> dict[str, Any]:
    return {
        **h,
        "title": w.named(w.told(h["title"], "scenario.")),
        "kind": w(f"kind.{h['kind']}"),
        "outcome": w(f"outcome.{h['outcome']}") if h["outcome"] else w(f"record.{h['state']}"),
        "answer": w(f"answer.{h['answer']}"),
        "met": w("run.of", some=h["reached"], all=h["objectives"]),
    }


def _trends(points: Sequence[Data], w: Words, times: Times) -> list[dict[str, Any]]:
    """Recovery times one below the other, oldest first, with their targets, for each objective."""
    out = []
    for code, audience in dict.fromkeys((p["code"], p["audience"]) for p in points):
        rows = [p for p in points if (p["code"], p["audience"]) == (code, audience)]
        marks, _ = ladder([(p["achieved"] or 0.0, p["target"]) for p in rows])
        title = w("objective.rto_communicate", audience=audience) if audience else w(f"objective.{code}")
        out.append({"title": title, "rows": [_bar(p, m, w, times) for p, m in zip(rows, marks, strict=True)]})
    return out


def _bar(p: Data, mark: Any, w: Words, times: Times) -> dict[str, Any]:
    none = p["achieved"] is None
    said = w(f"judged.{p['judged']}") if none else format_duration(p["achieved"])
    vague = p["judged"] == "not-known"  # it began then or earlier
    if vague and not none:
        said = w("at-least", amount=said)
    void = not p["counts"] and p["judged"] in {"met", "void"}
    day = times.stamp(p["at"]).rpartition(" ")[0]
    aim = w("target", target=format_duration(p["target"]))  # in words, too: one that is far away is not drawn
    aim = f"{aim}, {w('judged.void')}" if void else aim
    words_ = ", ".join((day, said, aim))
    return {
        "day": day, "kind": f"{w('kind.' + p['kind'])}, {aim}", "said": said,
        "x": 0 if none else mark.x, "target": mark.target,
        "tone": "ok" if p["counts"] else "warn" if vague else "bad", "words": words_,
        "how": w(f"how.{p['how'] or 'end'}"),
    }  # fmt: skip
