"""``bcp probe``, ``report-problem``, ``history``:
single looks, other vantage points, people's reports, what was seen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import pairs, wait_for
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid
from bcp.kernel.text import plural
from bcp.kernel.units import format_duration, parse_duration

if TYPE_CHECKING:
    from bcp.contracts.probe import Probe, Signal
    from bcp.wiring import App

_EXIT = {"ok": 0, "degraded": 1, "fail": 1, "unknown": 4}
PLANES = ("inbound", "outbound", "mailbox", "auth", "edge")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="probe", help="Look once with the probes of a kind or name; or report to another machine.")(probe)
    app.command(name="report-problem", help="Write down that somebody has a problem: people are a signal too.")(report)
    app.command(name="history", help="What was seen: outages and how fast they were found, uptime, changes.")(history)


def probe(
    kind: Annotated[str, typer.Argument(help="Kind or name of probes; without it all of them.")] = "",
    given: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="KEY=VALUE", help="Look with these settings instead of bcp.yaml's."),
    ] = None,
    kinds: Annotated[bool, typer.Option("--kinds", help="List the kinds of probes, and end.")] = False,
    remote_to: Annotated[
        str,
        typer.Option(
            "--remote-to",
            metavar="WHERE",
            help="Be a vantage point: report every round, signed, to a folder, an http(s) URL, or - (standard output).",
        ),
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="With --remote-to: one round, then end.")] = False,
    receive: Annotated[
        bool,
        typer.Option(
            "--receive",
            help="Take reports of a vantage point from standard input: "
            "ssh there bcp probe --remote-to - | bcp probe --receive",
        ),
    ] = False,
) -> None:
    """Probe."""
    from bcp import registry

    if kinds:
        about = {k: p.doc for k, p in registry.each("probes").items()}
        render.emit(
            "bcp.probe-kinds/1",
            {"kinds": about},
            render.table([[k, registry.probe_class(k).plane, text] for k, text in about.items()]),
        )
        return
    if receive:
        _receive(make_app())
        return
    if remote_to:
        raise typer.Exit(wait_for(_report(make_app(), remote_to, once=once)))
    if given is not None and kind:
        signals = wait_for(_ad_hoc(kind, pairs(given, "with")))
    else:
        app = make_app()
        signals = wait_for(_looks(app, _chosen(app, kind)))
    _show(signals)
    raise typer.Exit(max((_EXIT[s.result.value] for s in signals if _counts(s)), default=0))


def _counts(signal: Signal) -> bool:
    """Silence of people and of other systems is no finding."""
    return not signal.control and signal.kind not in {"silent", "few"}


def _chosen(app: App, kind: str) -> list[Probe[Any]]:
    from bcp.kernel.document import did_you_mean

    probes = app.watching.watcher.mine
    chosen = [p for p in probes if not kind or kind in {p.name, p.kind}]
    if not chosen:
        names = sorted({p.kind for p in probes} | {p.name for p in probes})
        raise Invalid(
            f"no configured probe is called {kind!r} or of that kind" if probes else "there is nothing to look at",
            hint=did_you_mean(kind, names) + " Or look without configuration: bcp probe KIND --with KEY=VALUE",
        )
    return chosen


async def _looks(app: App, probes: list[Probe[Any]]) -> list[Signal]:
    import asyncio

    from bcp.detect.watch import look_once

    try:
        return list(await asyncio.gather(*(look_once(p) for p in probes)))
    finally:
        await app.close()


async def _ad_hoc(kind: str, values: dict[str, str]) -> list[Signal]:
    """One look with settings from the command line. Lists are written with commas."""
    import typing

    from pydantic import ValidationError

    from bcp import registry
    from bcp.contracts.probe import ProbePlugin
    from bcp.detect.watch import look_once
    from bcp.kernel.clock import SystemClock
    from bcp.kernel.document import did_you_mean

    plugin, model = registry.find(ProbePlugin, kind), registry.settings_class("probes", kind)
    data: dict[str, Any] = dict(values)
    for name, text in values.items():
        field = model.model_fields.get(name)
        if field is not None and (typing.get_origin(field.annotation) is list or "list[" in str(field.annotation)):
            data[name] = [v.strip() for v in text.split(",")] if text != "auto" else text
    try:
        settings = model.model_validate(data)
    except ValidationError as error:
        found = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")[0]
        where = ".".join(str(p) for p in found["loc"]) or kind
        if found["type"] == "extra_forbidden":
            raise Invalid(
                f"--with {where}: {kind} has no such setting", hint=did_you_mean(where, model.model_fields)
            ) from error
        text = "is needed" if found["type"] == "missing" else str(found["msg"]).removeprefix("Value error, ")
        raise Invalid(f"--with {where}: {text}", hint="See docs/reference/configuration.md, Probes.") from error
    looker = registry.made(plugin.create, kind, settings, SystemClock())
    try:
        return [await look_once(looker)]
    finally:
        await looker.close()


def _show(signals: list[Signal]) -> None:
    data = [
        {
            "probe": s.probe,
            "plane": s.plane,
            "result": s.result.value,
            "kind": s.kind,
            "evidence": s.evidence,
            "control": s.control,
            "at": iso(s.at),
            "data": dict(s.data),
        }
        for s in signals
    ]
    rows = [
        [
            render.status_word(s.result.value),
            s.probe + (" (control)" if s.control else ""),
            s.plane,
            s.evidence or s.kind,
        ]
        for s in signals
    ]
    render.emit("bcp.signals/1", {"signals": data}, render.table(rows))


async def _report(app: App, where: str, *, once: bool) -> int:
    """Be a vantage point of another machine."""
    from bcp.detect.agent import Agent, carrier
    from bcp.detect.remote import key_of

    d = app.settings.detect
    if d.key is None:
        raise Invalid(
            "this machine has no key to sign with",
            hint="Set detect: key: in bcp.yaml, the same as the other machine's detect: vantages:.",
        )
    send = carrier(where, render.raw)
    agent = Agent(app.watching.watcher, d.vantage, key_of(d.key.reveal()), app.clock, send)
    render.say(
        f"Reporting to {where} as {d.vantage}, {plural(len(app.watching.watcher.mine), 'probe')} every "
        f"{app.watching.rules.interval_s:g} s. Ctrl-C ends."
    )
    try:
        if once:
            await agent.once()
        else:
            await agent.run(warn=render.warn)
    finally:
        await app.close()
    return 0


def _receive(app: App) -> None:
    """Standard input to the spool, line by line; a line that is not genuine is said and skipped."""
    from bcp.kernel.errors import Refused

    taken = 0
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            app.watching.spool.put(line)
            taken += 1
        except (Invalid, Refused) as error:
            render.warn(error.whole)
    render.say(f"{taken} round(s) taken")


def report(
    text: Annotated[str, typer.Argument(help="What is wrong, in their words.")] = "",
    plane: Annotated[str, typer.Option("--plane", help="inbound, outbound, mailbox, auth or edge.")] = "mailbox",
    who: Annotated[str, typer.Option("--as", metavar="WHO", help="Who has the problem; each counts once.")] = "",
    declare: Annotated[bool, typer.Option("--declare", help="You are sure: one is enough.")] = False,
    resolved: Annotated[bool, typer.Option("--resolved", help="It is over: earlier reports no longer count.")] = False,
) -> None:
    """Report."""
    from bcp.store.files.problems import Problem, add_problem

    if plane not in PLANES:
        from bcp.kernel.document import did_you_mean

        raise Invalid(f"--plane {plane!r}: one of {', '.join(PLANES)}", hint=did_you_mean(plane, PLANES))
    if declare and resolved:
        raise Invalid("--declare and --resolved contradict each other", hint="Give one.")
    if not text and not resolved:
        raise Invalid(
            "say what is wrong", hint='For example: bcp report-problem --plane mailbox "Outlook does not open"'
        )
    app = make_app()
    person = app.people.whoami(who)
    kind = "resolved" if resolved else ("declared" if declare else "reported")
    add_problem(
        app.configuration.state / "problems.jsonl",
        Problem(app.clock.now(), person, plane, kind, " ".join(text.split())[:300]),
    )
    render.emit(
        "bcp.problem/1",
        {"who": person, "plane": plane, "kind": kind, "text": text},
        f"Noted: {person}, {plane}, {kind}. The next look takes it in.",
    )


def history(
    since: Annotated[str, typer.Option("--since", help="How far back: 24h, 30d.")] = "7d",
    plane: Annotated[str, typer.Option("--plane", help="Only looks of this plane.")] = "",
    name: Annotated[str, typer.Option("--probe", help="Only looks of this probe.")] = "",
    looks: Annotated[bool, typer.Option("--looks", help="Also every stretch of equal looks.")] = False,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="The last verdict in Prometheus' text format.")
    ] = False,
) -> None:
    """History."""
    app = make_app()
    if prometheus:
        _prometheus(app)
        return
    try:
        start = app.clock.now() - parse_duration(since)
    except ValueError as error:
        raise Invalid(str(error), hint="For example --since 24h") from error
    from bcp.detect.history import uptime

    incidents, verdicts = app.watching.history.incidents(start), app.watching.history.verdicts(start)
    up = uptime(app.watching.history.rows(start, probe=name, plane=plane))
    rta = [app.running.achieved(i.since) for i in incidents]
    rows = list(app.watching.history.rows(start, probe=name, plane=plane)) if looks else []
    data = {
        "since": iso(start),
        "incidents": [
            {
                "since": iso(i.since),
                "confirmed": iso(i.confirmed),
                "clear": iso(i.clear or None),
                "closed": iso(i.closed or None),
                "classes": list(i.classes),
                "action": i.action,
                "detect_s": round(i.detect_s(), 1),
                "lasted_s": round(i.clear - i.since, 1) if i.clear else None,
                "switched_s": r,
            }
            for i, r in zip(incidents, rta, strict=True)
        ],
        "uptime": {p: {"known": k, "ok": g, "share": round(g / k, 5) if k else None} for p, (k, g) in up.items()},
        "verdicts": verdicts,
        "looks": [
            {
                "probe": r.probe,
                "vantage": r.vantage,
                "plane": r.plane,
                "result": r.result,
                "kind": r.kind,
                "evidence": r.evidence,
                "first": iso(r.first),
                "last": iso(r.last),
                "looks": r.looks,
            }
            for r in rows
        ],
    }
    began = [i.since for i in incidents]
    render.emit("bcp.history/1", data, _history_text(data, rows, start, began, app.clock.now()))


def _history_text(data: dict[str, Any], rows: list[Any], start: float, began: list[float], now: float) -> str:
    """``began``: epoch seconds of each outage, in their order. Times are the reader's own, with the zone's name."""
    out = [f"Since {render.moment(start, now)}:", f"{len(data['incidents'])} outage(s) confirmed"]
    for i, since in zip(data["incidents"], began, strict=True):
        lasted = f"lasted {format_duration(i['lasted_s'])}" if i["lasted_s"] is not None else "not over"
        rta = f", MX moved after {format_duration(i['switched_s'])}" if i["switched_s"] is not None else ""
        out.append(
            f"  {render.moment(since, now)} class {', '.join(i['classes']) or '?'}: "
            f"found after {format_duration(i['detect_s'])}, {lasted}{rta}"
        )
    out += [
        f"  {p:<9} {u['share'] * 100:7.3f} % of {u['known']} looks went well"
        for p, u in data["uptime"].items()
        if u["share"] is not None
    ]
    out += [
        f"  {render.moment(v['at'], now)} {v['state']}"
        f"{' class ' + ','.join(v['classes']) if v['classes'] else ''} "
        f"[{v['stage']}] {v['action']}"
        for v in data["verdicts"][-20:]
    ]
    out += [
        f"  {render.moment(r.first, now)} {r.probe}@{r.vantage} {r.result} x{r.looks} {r.evidence[:40]}" for r in rows
    ]
    return "\n".join(out)


def _prometheus(app: App) -> None:
    from collections import Counter

    from bcp.detect.decide import Decision
    from bcp.detect.history import prometheus

    latest = app.watching.history.latest()
    if latest is None:
        raise Invalid("nothing was seen yet", hint="Start `bcp watch`.")
    data = latest[1]
    decision = Decision(data["state"], tuple(data["classes"]), tuple(data["planes"]), confidence=data["confidence"])
    totals: Counter[tuple[str, str, str]] = Counter()
    for row in app.watching.history.rows(0.0):
        totals[(row.plane, row.vantage, row.result)] += row.looks
    render.raw(prometheus(decision, totals, app.clock.now(), data.get("status", {})).rstrip())
