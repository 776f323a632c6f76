"""The annexes about the course of an outage or exercise: what was seen, decided, done and counted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bcp.pages.cells import Cell, Cells, Pair, Row, Section, Table
from bcp.pages.words import Words

Data = Mapping[str, Any]


def detection(r: Data, c: Cells) -> Section:
    """When it began, when it was seen, and who decided what."""
    d, w = r["detection"], c.words
    since = "" if d["exact"] or not d["outage_since"] else w("then-or-earlier")
    pairs = [
        c.pair("detection.outage_since", c.time(d["outage_since"])),
        c.pair("detection.counted_from", c.text(" ".join(x for x in (w.told(d["counted_from"], "from."), since) if x))),
        c.pair("detection.detected", c.time(d["detected"])),
        c.pair("detection.after", c.span(d["outage_since"], d["detected"])),
        c.pair("detection.by", c.told(d["by"], "not-known")),
        c.pair("detection.outage_class", c.text(d["outage_class"], "not-known")),
        c.pair("detection.evidence", c.all_told(d["evidence"])),
    ]
    rows = [
        Row(
            (c.time(x["at"]), c.text(x["by"] or w("nobody")), c.text(w(f"decision.{x['result']}")),
             c.text(w.told(x["what"], "about.")),
             c.none("none") if x["how"] == "noted" else c.span(x["asked"], x["at"])),
            (
                c.pair("decision.how", c.told(x["how"])),
                c.pair("decision.asked", c.time(x["asked"])),
                c.pair("evidence", c.code(x["evidence"])),
            ),
        )
        for x in r["decisions"]
    ]  # fmt: skip
    heads = ("when", "decider", "decision", "about", "took")
    table = c.table("decisions", heads, rows, "no-decision")
    return c.section("detection", pairs, [table], "journal-and-book")


def steps(r: Data, c: Cells) -> Section:
    """Every step that was planned or done."""
    return c.section("steps", tables=[_step_table(r, c), *_injects(r, c)], note="journal")


def _injects(r: Data, c: Cells) -> list[Table]:
    """What was told at the table, and when: the steps of a tabletop."""
    told = [e for e in r.get("timeline", ()) if e["kind"] == "inject"]
    if not told:
        return []
    rows = [Row((c.time(e["at"]), c.text(e["actor"]), c.text(c.words.quoted(e["text"])))) for e in told]
    table = c.table("injects", ("when", "who", "what"), rows)
    return [replace(table, caption=c.words("label.injects"))]


def _carried_out(step: Data) -> str:
    """A look of a dry run is a real one, and what a real run did not come to was no dry run."""
    if step["executed"]:
        return "carried-out"
    return {"ok": "looked", "unchanged": "looked", "failed": "looked", "would_run": "not-carried-out"}.get(
        step["result"], "not-come-to"
    )


def _step_table(r: Data, c: Cells) -> Table:
    w = c.words
    rows = [
        Row(
            (
                c.text(w.named(s["name"]) or s["id"]),
                _span(s["planned_start"], s["planned_end"], c),
                _span(s["started"], s["ended"], c),
                c.text(s["actor"], "nobody"),
                c.state(s["result"]),
            ),
            (
                c.pair("step.id", c.code(f"{s['id']} ({s['run']})" if s["run"] else s["id"])),
                c.pair("step.dry", c.text(w(_carried_out(s)))),
                c.pair("step.command", c.code(s["command"])),
                c.pair("step.input", c.code(s["input"])),
                c.pair("step.output_digest", c.code(s["output_digest"])),
                c.pair("step.summary", c.told(s["error"] or s["summary"], "none")),
                c.pair("evidence", c.code(s["evidence"])),
            ),
        )
        for s in r["steps"]
    ]
    return c.table("steps", ("step", "planned", "actual", "actor", "result"), rows, "no-step")


def _span(start: float, end: float, c: Cells) -> Cell:
    """Two moments, one above the other."""
    if not start:
        return c.none("none")
    return Cell((start, end), "time")


def propagation(r: Data, c: Cells) -> Section:
    """Who was told the new MX, and when."""
    w = c.words
    rows = [
        Row((
            c.time(p["at"]),
            c.text(f"{p['new']} / {p['asked']}"),
            c.text(w.percent(100.0 * p["new"] / p["asked"]) if p["asked"] else "", "not-known"),
            c.text(w(f"curve.{p['what']}")),
        ))
        for p in r["propagation"]
    ]  # fmt: skip
    heads = ("when", "new-mx", "share", "who-asked")
    return c.section("propagation", tables=[c.table("propagation", heads, rows, "not-measured-words")])


def percent(row: Data, count: int | None, w: Words) -> str:
    """A count with its share of all people of the audience; *not reported* where nobody counts."""
    whole = row["planned"] + row["unreachable"]
    if not row.get("due", True):
        return w("nothing-due")
    if count is None:
        return w("not-reported")
    return f"{count} ({w.percent(round(100 * count / whole, 1))})" if whole else str(count)


def step_name(row: Data, w: Words) -> str:
    """The step that told people, as they read it."""
    return w.named(str(row.get("name") or row["step"]))


def channel_name(row: Data, w: Words) -> str:
    """The channel, and that a stand-in played it."""
    return w("stood-in", channel=row["channel"]) if row.get("simulated") else str(row["channel"])


def receipts(r: Data, c: Cells) -> Section:
    """What became of the messages of each channel."""
    w = c.words
    rows = [
        Row(
            (
                c.text(step_name(x, w)), c.text(channel_name(x, w)), c.text(x["audience"]),
                c.text(x["planned"]), c.text(percent(x, x["sent"], w)),
                c.text(percent(x, x["delivered"], w)), c.text(percent(x, x["failed"], w)),
                c.text(percent(x, x["acknowledged"], w)),
            ),
            (
                c.pair("receipts.in_doubt", c.text(percent(x, x["in_doubt"], w))),
                c.pair("receipts.unreachable", c.text(percent(x, x["unreachable"], w))),
                c.pair("receipts.first", c.time(x["first"], "none")),
                c.pair("receipts.last", c.time(x["last"], "none")),
                c.pair("receipts.step", c.code(f"{x['step']} ({x['run']})" if x["run"] else x["step"])),
                *((c.pair("receipts.reasons", c.listed(x["reasons"])),) if x["reasons"] else ()),
            ),
        )
        for x in r["receipts"]
    ]  # fmt: skip
    heads = ("step", "channel", "audience", "to-send", "sent", "delivered", "failed", "acknowledged")
    return c.section("receipts", tables=[c.table("receipts", heads, rows, "nobody-told")], note="channel")


def counted_by(mails: Data) -> str:
    """By what mail was counted: the key of its words."""
    alone = mails["how"] == "relay-account" and mails.get("waiting_only")
    return "relay-waited" if alone else mails["how"] or "not-measured"


def mails(r: Data, c: Cells) -> Section:
    """Mail counted to its end, and the relay's queue."""
    m, w = r["mails"], c.words
    names = ("sent", "delivered", "relayed", "bounced", "lost", "duplicated", "left")
    pairs: list[Pair] = [c.pair("mails.how", c.text(w(f"how.{counted_by(m)}")))]
    pairs += [c.pair(f"mails.{n}", c.text(m[n], "not-counted")) for n in names]
    rows = [Row((c.time(at), c.text(n))) for at, n in m["queue"]]
    return c.section("mails", pairs, [c.table("mails.queue", ("when", "in-relay"), rows, "not-measured-words")])


def failback(r: Data, c: Cells) -> Section:
    """The way back."""
    rows = [
        Row((
            c.code(f["run"]), c.state(f["result"]), c.time(f["started"]), c.text(", ".join(f["decided_by"]), "nobody"),
            c.time(f["mx_back"], "not-reached"), c.time(f["drained"], "not-reached"), c.time(f["told"], "not-reached"),
            c.time(f["ended"], "not-ended"),
        ))
        for f in r["failback"]
    ]  # fmt: skip
    heads = ("run", "result", "started", "decider", "mx-back", "drained", "told-over", "ended")
    return c.section("failback", tables=[c.table("failback", heads, rows, "no-failback")], note="journal")
