"""The annexes of a report: every field that an auditor asks for, from the record as plain data. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bcp.kernel.units import format_duration
from bcp.pages import annexes_course as course
from bcp.pages.cells import Cells, Pair, Row, Section
from bcp.pages.words import USUAL, Words

Data = Mapping[str, Any]


def annexes(record: Data, figures: Sequence[Data], words: Words) -> list[Section]:
    """All of them, in the order in which they are read."""
    c = Cells(words)
    return [
        _identity(record, c),
        _scenario(record, c),
        _parts(record, c),
        _playbooks(record, c),
        _objectives(record, figures, c),
        _people(record, c),
        course.detection(record, c),
        course.steps(record, c),
        course.propagation(record, c),
        course.receipts(record, c),
        course.mails(record, c),
        course.failback(record, c),
        _fate(record, c),
        _notes(record, c),
        _findings(record, c),
        _signatures(record, c),
        _integrity(record, c),
        _measured(figures, c),
    ]


def _identity(r: Data, c: Cells) -> Section:
    w, nxt, kept = c.words, r["next_drill"], r["retention"]
    pairs = [
        c.pair("id", c.code(r["id"])),
        c.pair("kind", c.text(w(f"kind.{r['kind']}"))),
        c.pair("title", c.text(w.told(r["title"], "scenario."))),
        c.pair("organisation", c.text(r["organisation"])),
        c.pair("state", c.text(w(f"record.{r['state']}"))),
        c.pair("outcome", c.text(w(f"outcome.{r['outcome'] or 'none'}"))),
        c.pair("reason", c.told(r["reason"], "none")),
        c.pair("created", c.time(r["created"])),
        c.pair("created_by", c.text(r["created_by"])),
        c.pair("planned_start", c.time(r["planned_start"], "not-planned")),
        c.pair("planned_end", c.time(r["planned_end"], "not-planned")),
        c.pair("surprise", c.flag(r["surprise"])),
        c.pair("started", c.time(r["started"], "not-begun")),
        c.pair("ended", c.time(r["ended"], "not-ended")),
        c.pair("duration", c.span(r["started"], r["ended"])),
        c.pair("zone", c.text(r["zone"])),
        c.pair("method", c.text(w.known(f"kind.{r['method']}", r["method"]))),
        c.pair("bia", c.text(r["bia"])),
        c.pair("next_drill", c.text(_next(nxt, w), "not-planned")),
        c.pair("next_drill.at", c.time(nxt["at"], "not-planned")),
        c.pair("retention", c.text(_kept(kept, w))),
    ]
    return c.section("identity", pairs)


def _next(found: Data, w: Words) -> str:
    kind = w.known(f"kind.{found['kind']}", found["kind"]) if found["kind"] else ""
    every = w.known(f"every.{found['schedule']}", found["schedule"])
    return ", ".join(str(x) for x in (found["id"], kind, found["scenario"], every) if x)


def _kept(found: Data, w: Words) -> str:
    years = w("retention.years", years=w.number(found["years"])) if found["years"] else ""
    until = w("retention.until", until=found["until"]) if found["until"] else ""
    return ", ".join(x for x in (years, until, w.known(f"rule.{found['rule']}", found["rule"])) if x)


def _scenario(r: Data, c: Cells) -> Section:
    s, w = r["scenario"], c.words
    pairs = [
        c.pair("scenario", c.told(s["title"] or s["name"])),
        c.pair("scenario.name", c.code(s["name"], "not-stated")),
        c.pair("scenario.incident", c.told(s["incident"])),
        c.pair("scenario.outage_class", c.text(w.known(f"class.{s['outage_class']}", s["outage_class"]))),
        c.pair("scenario.source", c.told(s["source"])),
        c.pair("scenario.digest", c.code(s["digest"])),
        c.pair("scope_in", c.listed(r["scope_in"], "not-stated")),
        c.pair("scope_out", c.listed(r["scope_out"], "not-stated")),
        c.pair("assumptions", c.listed((w.said(a, "assumes.") for a in r["assumptions"]), "not-stated")),
        c.pair("expected", c.text(r["expected"])),
        c.pair("third_parties", c.all_told(r["third_parties"])),
    ]
    return c.section("scenario", pairs)


def _parts(r: Data, c: Cells) -> Section:
    w = c.words
    rows = [
        Row((
            c.text(w.said(p["name"], "part.")),
            c.text(w("real" if p["real"] else "simulated")),
            c.text(w.said(p["note"], "part-note."), "none"),
        ))
        for p in r["components"]
    ]  # fmt: skip
    return c.section("parts", tables=[c.table("components", ("part", "real", "note"), rows, "not-stated")])


def _playbooks(r: Data, c: Cells) -> Section:
    rows = [
        Row(
            (c.text(c.words.named(p["title"]) or p["name"]), c.code(p["name"]), c.text(p["version"])),
            (
                c.pair("playbook.digest", c.code(p["digest"])),
                c.pair("playbook.file", c.code(p["file"])),
                c.pair("playbook.plan", c.code(p["plan"])),
                c.pair("playbook.checksum", c.code(p["checksum"])),
            ),
        )
        for p in r["playbooks"]
    ]
    return c.section("playbooks", tables=[c.table("playbooks", ("playbook", "name", "version"), rows)])


def _objectives(r: Data, figures: Sequence[Data], c: Cells) -> Section:
    w, rows = c.words, []
    shown = [f for f in figures if f["judged"]]
    for o, f in zip(r["objectives"], shown, strict=True):
        told = w.percent(100.0 * o["fraction"]) if o["fraction"] is not None else ""
        rows.append(
            Row(
                (c.text(f["label"]), c.text(_amount(o["target"], o["unit"], w)), c.text(f["display"]),
                 c.state(f"judged-{f['judged']}")),
                (
                    c.pair("objective.criterion", c.text(criterion(o, w))),
                    c.pair("objective.fixed_at", c.time(o["fixed_at"])),
                    *((c.pair("objective.fraction", c.text(told)),) if told else ()),
                    c.pair("objective.measured", c.text(f["measured"])),
                    c.pair("evidence", c.listed(o["evidence"])),
                ),
            )
        )  # fmt: skip
    heads = ("objective", "target", "achieved", "judged")
    return c.section("objectives", tables=[c.table("objectives", heads, rows)])


def _amount(value: float, unit: str, w: Words) -> str:
    return format_duration(round(value, 1)) if unit == "s" else w.number(value)


def criterion(o: Data, w: Words) -> str:
    """The pass criterion; one that the program wrote itself, in the reader's language."""
    key = f"criterion.{o['code']}"
    if key not in w.texts or w.language == "en":
        return str(o["criterion"])
    from bcp.pages.words import words

    said = f"{o['target']:g}" if o["unit"] != "s" else format_duration(o["target"])
    plain = words("en")(key, target=said, audience=o["audience"] or "the audience")
    if o["criterion"] not in {plain, plain.replace(o["audience"] or "the audience", "the audience")}:
        return str(o["criterion"])
    return w(key, target=said, audience=o["audience"] or w("the-audience"))


def _people(r: Data, c: Cells) -> Section:
    w = c.words
    rows = [
        Row((
            c.text(f"{p['name']} ({p['contact']})" if p["contact"] not in {"", p["name"]} else p["name"]),
            c.text(w.known(f"role.{p['role']}", p["role"])),
            c.text(_there(p["attended"], w)),
            c.time(p["arrived"], "none"),
            c.time(p["left"], "none"),
            c.text(w(f"source.{p['source']}")),
        ))
        for p in r["participants"]
    ]  # fmt: skip
    heads = ("person", "role", "attendance", "arrived", "left", "known-from")
    return c.section("people", tables=[c.table("participants", heads, rows, "not-stated")], note="book")


def _there(attended: bool | None, w: Words) -> str:
    return w("attendance.unknown" if attended is None else "attendance.yes" if attended else "attendance.no")


def _fate(r: Data, c: Cells) -> Section:
    f = r["shared_fate"]
    pairs = [
        c.pair("shared_fate", c.text(c.words(f"fate.{f['state']}"))),
        c.pair("shared_fate.at", c.time(f["at"], "not-checked")),
        c.pair("shared_fate.chains", c.listed(f["chains"])),
    ]
    return c.section("fate", pairs)


def _notes(r: Data, c: Cells) -> Section:
    w = c.words
    tables = []
    for name in ("deviations", "feedback", "conclusions", "notes"):
        rows = [Row((c.time(n["at"]), c.text(n["by"]), c.text(_noted(n, w)), c.code(n["evidence"]))) for n in r[name]]
        table = c.table(name, ("when", "who", "what", "evidence"), rows)
        tables.append(type(table)(table.field, table.heads, table.rows, table.empty, w(f"label.{name}")))
    return c.section("notes", tables=tables, note="book")


def _noted(note: Data, w: Words) -> str:
    """What somebody said, as they said it, with the mark that they gave."""
    rated = f" ({w('rating', rating=note['rating'])})" if note["rating"] is not None else ""
    return w.quoted(note["text"]) + rated


def _findings(r: Data, c: Cells) -> Section:
    w = c.words
    rows = [
        Row(
            (
                c.text(finding_said(f["title"], w)), c.state(f"severity-{f['severity']}"), c.text(f["owner"]),
                c.text(f["due"]), c.state(f"finding-{f['state']}"),
            ),
            (
                c.pair("finding.id", c.code(f["id"])),
                c.pair("finding.cause", c.text(f["cause"])),
                c.pair("finding.retest", c.text(f["retest"])),
                c.pair("finding.urgent", c.flag(f["urgent"])),
                c.pair("finding.reported_at", c.time(f["reported_at"], "not-sent" if f["urgent"] else "none")),
                c.pair("finding.proposal", c.text(finding_said(f["proposal"], w), "none")),
                c.pair("finding.place", c.text(w.told(f["place"], "place."))),
                c.pair("finding.raised", c.text(_raised(f, w))),
                c.pair("finding.raised_at", c.time(f["raised_at"])),
                c.pair("finding.done_at", c.time(f["done_at"], "not-yet")),
                c.pair("evidence", c.listed(f["evidence"])),
            ),
        )
        for f in r["findings"]
    ]  # fmt: skip
    heads = ("finding", "severity", "owner", "due", "state")
    return c.section("findings", tables=[c.table("findings", heads, rows, "no-finding")], note="book")


_MISSED = re.compile(r"(rto_receive|rto_communicate|rpo_messages|wrt|mtpd)(?: (\S+))?: (.+, the target is .+)")
"""What is proposed of an objective that was missed (``learn.objective-missed``)."""


def finding_said(text: str, w: Words) -> str:
    """Title or proposal of a finding; what the program wrote itself is said in the reader's language, and names an
    objective as the rest of the page does, not by its code."""
    found = _MISSED.fullmatch(text) if w.language == USUAL else None
    if found is None:
        return w.told(text, "learn.")
    code, audience, rest = found.groups()
    if code == "rto_communicate":
        title = w("objective.rto_communicate", audience=audience or w("everybody"))
    else:
        title = w(f"objective.{code}")
    return f"{title}: {rest}"


def _raised(f: Data, w: Words) -> str:
    return w("raised.product", rule=f["code"]) if f["code"] else str(f["raised_by"])


def _signatures(r: Data, c: Cells) -> Section:
    w = c.words
    rows = [
        Row(
            (c.text(s["name"]), c.text(s["role"]), c.time(s["at"]), c.state("stands" if s["stands"] else "fell")),
            (
                c.pair("signature.how", c.told(s["how"])),
                c.pair("signature.digest", c.code(s["digest"])),
                c.pair("signature.head", c.code(s["head"])),
            ),
        )
        for s in r["signatures"]
    ]
    table = c.table("signatures", ("name", "role", "when", "signature"), rows, "not-signed")
    told = [Pair("conclusions.count", w("label.conclusions"), c.text(w.many("conclusions", len(r["conclusions"]))))]
    return c.section("signatures", told, [table], note="book")


def _integrity(r: Data, c: Cells) -> Section:
    i = r["integrity"]
    rows = [
        Row(
            (c.code(x["what"]), c.text(x["events"]), c.state("damaged" if x["damage"] else "unbroken")),
            (
                c.pair("chain.head", c.code(x["head"])),
                *((c.pair("chain.damage", c.told(x["damage"])),) if x["damage"] else ()),
                c.pair("chain.verify", c.code(f"bcp audit verify {x['what']}")),
            ),
        )
        for x in i["chains"]
    ]
    pairs = [
        c.pair("integrity.clock_source", c.told(i["clock_source"], "not-known")),
        c.pair("integrity.product", c.text(i["product"], "not-known")),
        c.pair("runs", c.listed(r["runs"])),
        c.pair("incidents", c.listed(r["incidents"])),
    ]
    table = c.table("integrity.chains", ("chain", "events", "state"), rows, "no-chain")
    return c.section("integrity", pairs, [table])


def _measured(figures: Sequence[Data], c: Cells) -> Section:
    rows = [
        Row((
            c.text(f"{f['label']}, {f['subject']}" if f["subject"] and f["subject"] not in f["label"] else f["label"]),
            c.text(f["display"]), c.text(f["measured"]), c.all_told(e for e in f["evidence"] if e),
        ))
        for f in figures
    ]  # fmt: skip
    return c.section("measured", tables=[c.table("figures", ("figure", "value", "measured", "evidence"), rows)])
