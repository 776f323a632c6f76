"""``bcp comms``: what will be said: lint, preview, forecast, send, status, stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import config_path, pairs, wait_for
from bcp.kernel.errors import Invalid
from bcp.kernel.units import format_duration

if TYPE_CHECKING:
    from bcp.comms.pack import Pack
    from bcp.contracts.channel import Message
    from bcp.contracts.services import SendForecast
    from bcp.wiring import App

Class = Annotated[str, typer.Option("--class", metavar="A-H", help="Class of outage; else that of the last verdict.")]
Channels = Annotated[
    list[str] | None, typer.Option("--channel", help="Channel from bcp.yaml; repeat it. Else all that fit.")
]
Values = Annotated[list[str] | None, typer.Option("--with", metavar="NAME=VALUE", help="A value for the message.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="Messages: lint, preview, forecast, send, status, stop.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command(name="list", help="All messages.")(list_)
    group.command(name="lint", help="Check messages: languages, segments, claims, links, answers.")(lint)
    group.command(name="preview", help="Show a message as people will see it; with --html as a page.")(preview)
    group.command(
        name="forecast", help="What a send would take: people, messages, segments, minutes, money. Sends nothing."
    )(forecast)
    group.command(name="send", help="Send one message to one audience, as a run of its own.")(send)
    group.command(name="status", help="Who was reached, channel by channel.")(status)
    group.command(name="receipts", help="Ask the vendors what became of every message of a run.")(receipts)
    group.command(name="answers", help="Who answered what, and who is silent; kept in the run's report.")(answers)
    group.command(name="clocks", help="What regulators must be told by when. Drafts only: a person decides and files.")(
        clocks
    )
    group.command(name="stop", help="Stop a send: what has not left stays here.")(stop)
    app.add_typer(group, name="comms")


def _pack() -> tuple[Pack, list[str]]:
    """The messages of the configuration, or the shipped ones, and the languages that must be complete."""
    from bcp.comms.pack import load_pack  # noqa: PLC0415
    from bcp.wiring import SHIPPED  # noqa: PLC0415

    try:
        config_path()
    except Invalid:
        return load_pack([SHIPPED / "messages"]), []
    app = make_app()
    return app.pack, list(app.settings.organisation.languages)


def list_() -> None:
    """List."""
    pack, _ = _pack()
    rows = [(n, pack.get(n)) for n in pack.names()]
    data: list[dict[str, Any]] = [
        {
            "name": n,
            "title": t.file.title,
            "phase": t.file.phase,
            "audiences": list(t.file.audiences),
            "forms": sorted(t.forms()),
            "languages": sorted({x for f in t.forms() for x in getattr(t.file, f)}),
        }
        for n, t in rows
    ]
    render.emit(
        "bcp.messages/1",
        {"messages": data},
        render.table([[d["name"], ",".join(d["languages"]), str(d["title"])] for d in data]),
    )


def lint(
    names: Annotated[list[str] | None, typer.Argument(help="Names or files; else all.")] = None,
    languages: Annotated[
        list[str] | None, typer.Option("--language", help="A language that must be complete; repeat it.")
    ] = None,
) -> None:
    """Lint."""
    from bcp.comms.lint import lint_message  # noqa: PLC0415
    from bcp.comms.pack import load_message  # noqa: PLC0415

    pack, wanted = _pack()
    wanted = languages or wanted
    found = []
    for name in names or pack.names():
        template = load_message(Path(name)) if name.endswith((".yaml", ".yml")) else pack.get(name)
        own = wanted or sorted({x for f in template.forms() for x in getattr(template.file, f)})
        found += lint_message(template, languages=own)
    errors = [p for p in found if p.severity == "error"]
    lines = [
        f"{p.file}:{p.line}:{p.column}: {p.severity}: {p.message} [{p.rule}]" + (f"\n    {p.hint}" if p.hint else "")
        for p in found
    ]
    count = len(names or pack.names())
    lines.append(f"{count} message(s), {len(errors)} error(s), {len(found) - len(errors)} warning(s)")
    data = [
        {
            "file": p.file,
            "line": p.line,
            "column": p.column,
            "severity": p.severity,
            "message": p.message,
            "rule": p.rule,
            "hint": p.hint,
        }
        for p in found
    ]
    render.emit("bcp.comms-lint/1", {"messages": count, "problems": data}, "\n".join(lines))
    if errors:
        raise typer.Exit(2)


def preview(
    name: Annotated[str, typer.Argument(help="The message.")],
    letter: Class = "",
    languages: Annotated[list[str] | None, typer.Option("--language", help="Only this language; repeat it.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with phone frames.")] = None,
    drill: Annotated[bool, typer.Option("--drill", help="With the marks of an exercise.")] = False,
    given: Values = None,
) -> None:
    """Preview."""
    from bcp.announce import values as announced  # noqa: PLC0415
    from bcp.comms.pack import FORMS  # noqa: PLC0415
    from bcp.comms.preview import page  # noqa: PLC0415
    from bcp.comms.render import render as fill  # noqa: PLC0415
    from bcp.kernel.files import write_atomic  # noqa: PLC0415

    pack, _ = _pack()
    template = pack.get(name)
    try:
        config_path()
        app: App | None = make_app()
    except Invalid:
        app = None
    values = announced(app, letter, pairs(given, "with"))
    messages = [
        fill(template, form, language, language, values, drill=drill)
        for form in FORMS
        for language in getattr(template.file, form)
        if not languages or language in languages
    ]
    if not messages:
        raise Invalid(f"{name} has no text in {', '.join(languages or [])}", hint="bcp comms list")
    what = f"{template.file.title}, class {values['outage_class']}"
    if html is not None:
        write_atomic(html, page(name, what, messages), mode=0o644)
    data = [
        {
            "form": m.form,
            "language": m.language,
            "subject": m.subject,
            "body": m.body,
            "segments": m.segments,
            "encoding": m.encoding,
        }
        for m in messages
    ]
    text = "\n\n".join([render.wrap(f"{name}: {what}", "  ", ""), *(_shown(m) for m in messages)]) + (
        f"\n\nWritten: {html}" if html else ""
    )
    render.emit("bcp.preview/1", {"message": name, "class": values["outage_class"], "texts": data}, text)


def _shown(m: Message) -> str:
    from bcp.comms.segments import count  # noqa: PLC0415

    size = ""
    if m.form == "sms":
        found = count(m.body)
        size = f"  {m.segments} segment(s), {len(m.body)} characters, {found.encoding}"
        if found.offenders:
            worst = found.offenders[0]
            size += f": {worst.character!r} at {worst.position + 1}"
    head = f"{m.language} {m.form}{size}"
    return "\n".join(
        [render.paint(head, "bold"), *([f"  {m.subject}"] if m.subject else []), render.wrap(m.body, "  ", "  ")]
    )


def forecast(
    audience: Annotated[str, typer.Argument(help="Audience from bcp.yaml.")],
    name: Annotated[str, typer.Argument(help="The message.")],
    channels: Channels = None,
    letter: Class = "",
    given: Values = None,
) -> None:
    """Forecast."""
    app = make_app()
    rows = wait_for(_forecast(app, audience, name, channels, letter, pairs(given, "with")))
    data = [_row(app, r) for r in rows]
    table = [
        [
            d["channel"],
            f"{d['messages']} of {d['people']}",
            f"{d['segments'] or ''}",
            format_duration(d["seconds"]) if d["seconds"] else "",
            d["cost"] or "",
            f"{d['unreachable']} without address" if d["unreachable"] else "",
        ]
        for d in data
    ]
    lines = [render.table(table, ["CHANNEL", "MESSAGES", "SEGMENTS", "TAKES", "COSTS", ""])]
    lines += [f"warning: {r.channel}: {w}" for r in rows for w in r.warnings]
    render.emit("bcp.forecast/1", {"audience": audience, "message": name, "channels": data}, "\n".join(lines))


def _row(app: App, r: SendForecast) -> dict[str, Any]:
    from bcp.announce import cost  # noqa: PLC0415

    return {
        "channel": r.channel,
        "people": r.people,
        "messages": r.messages,
        "segments": r.segments,
        "seconds": r.seconds,
        "unreachable": r.unreachable,
        "cost": cost(app, r),
        "sample": r.sample,
        "warnings": list(r.warnings),
    }


async def _forecast(
    app: App, audience: str, name: str, channels: list[str] | None, letter: str, given: dict[str, str]
) -> list[SendForecast]:
    from bcp import announce  # noqa: PLC0415

    try:
        return await announce.forecast(app, audience, name, channels, letter, given)
    finally:
        await app.close()


def send(
    audience: Annotated[str, typer.Argument(help="Audience from bcp.yaml.")],
    name: Annotated[str, typer.Argument(help="The message.")],
    channels: Channels = None,
    letter: Class = "",
    given: Values = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same path with services that send nothing.")] = False,
) -> None:
    """Send."""
    from bcp.announce import playbook_of  # noqa: PLC0415
    from bcp.cli.run import run  # noqa: PLC0415

    path = playbook_of(make_app(), audience, name, channels, letter, pairs(given, "with"))
    run(str(path), yes=yes, dry_run=dry_run)


def status(run_id: Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")] = "last") -> None:
    """Status."""
    app = make_app()
    view = app.runs.view(app.runs.find(run_id))
    steps = {s["id"]: s for s in view.plan["steps"] if s["uses"] == "notify"}
    data = []
    for step_id, step in steps.items():
        state = view.state.steps[step_id]
        for channel, tally in (state.outputs or {}).get("channels", {}).items():
            data.append(
                {
                    "step": step_id,
                    "state": state.status,
                    "channel": channel,
                    **{k: tally[k] for k in ("people", "sent", "failed", "unknown", "unreachable", "segments")},
                }
            )
        if not (state.outputs or {}).get("channels"):
            data.append(
                {
                    "step": step_id,
                    "state": state.status,
                    "channel": "",
                    "people": 0,
                    "sent": _settled(view, step),
                    "failed": 0,
                    "unknown": 0,
                    "unreachable": 0,
                    "segments": 0,
                }
            )
    rows = [
        [
            str(d["step"]),
            render.status_word(str(d["state"])),
            str(d["channel"]),
            f"{d['sent']} sent",
            f"{d['failed']} failed",
            f"{d['unknown']} in doubt",
            f"{d['unreachable']} without address",
        ]
        for d in data
    ]
    render.emit(
        "bcp.comms-status/1",
        {"run": view.id, "status": view.status(), "deliveries": data},
        f"{view.id} {view.status()}\n" + render.table(rows),
    )


def _settled(view: Any, step: dict[str, Any]) -> int:
    """Deliveries of a step that is still under way, from the ledger."""
    return sum(1 for e in view.record.effects if e.step == step["id"] and (e.outcome or {}).get("state") == "sent")


def receipts(run_id: Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")] = "last") -> None:
    """Receipts."""
    from collections import Counter  # noqa: PLC0415

    from bcp.incident.book import Book  # noqa: PLC0415
    from bcp.incident.receipts import note_receipt  # noqa: PLC0415
    from bcp.reports.model import receipts_of  # noqa: PLC0415

    app = make_app()
    view = app.runs.view(app.runs.find(run_id))
    given = receipts_of(view)
    asked = wait_for(_reports(app, view.state.started, {c for _, c in given}))
    book = Book(app.configuration.state / "incidents.db", app.clock)
    wanted = {r for rows in given.values() for r in rows}
    with book:
        for mark, (state, error) in asked.items():
            if mark in wanted:
                note_receipt(book, mark, state, error)
    book.close()
    data: list[dict[str, Any]] = []
    for (step, channel), rows in given.items():
        known = app.reported(rows)
        counted = dict(sorted(Counter(known.get(r, "no report") for r in rows).items()))
        data.append({"step": step, "channel": channel, "taken": len(rows), "reported": counted})
    table = [
        [d["step"], d["channel"], f"{d['taken']} taken", ", ".join(f"{n} {s}" for s, n in d["reported"].items())]
        for d in data
    ]
    render.emit("bcp.receipts/1", {"run": view.id, "messages": data}, f"{view.id}\n" + render.table(table))


async def _reports(app: App, since: float, names: set[str]) -> dict[str, tuple[str, str]]:
    out: dict[str, tuple[str, str]] = {}
    try:
        for name in names & set(app.channels):
            out.update(await app.channels[name].reports(since))
    finally:
        await app.close()
    return out


def stop(run_id: Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")] = "last") -> None:
    """Stop."""
    from bcp.cli.run import abort  # noqa: PLC0415

    abort(run_id, "stop-send")
    render.say("What has left cannot be called back: send a correction.")


def answers(
    run_id: Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")] = "last",
    silent: Annotated[bool, typer.Option("--silent", help="Name everybody who is silent.")] = False,
) -> None:
    """Answers."""
    from bcp.comms.answers import tally  # noqa: PLC0415
    from bcp.kernel.clock import iso  # noqa: PLC0415

    app = make_app()
    view = app.runs.view(app.runs.find(run_id), effects=False)
    steps = [s for s in view.plan["steps"] if s["uses"] == "notify"]
    if not steps:
        raise Invalid(f"{view.id} told nobody anything", hint="Name a run that has a notify step.")
    loaded = _told(app, view)
    audiences = list(dict.fromkeys(a for a, _ in loaded))
    people = list({c.id: c for a in audiences for c in app.directory.members(a)}.values())
    allowed = {d: t for _, name in loaded if name in app.pack for d, t in app.pack.get(name).file.answers.items()}
    inbound = wait_for(_inbound(app, view.state.started))
    found = tally(people, inbound, view.state.started, allowed)
    by_digit = {d: [a.contact for a in found.answered if a.digit == d] for d in sorted({*allowed, *found.counts()})}
    lines = [
        f"{view.id}: {len(people)} people, {len(found.answered)} answered, {len(found.unclear)} unclear, {len(found.silent)} silent"
    ]
    lines += [f"  {d} {allowed.get(d, '')}: {len(who)}" for d, who in by_digit.items()]
    lines += [render.wrap(f"  unclear: {a.contact}: {a.text}", "    ", "") for a in found.unclear[:20]]
    if silent:
        lines += [render.wrap("silent: " + ", ".join(found.silent), "    ", "  ")]
    data = {
        "run": view.id,
        "people": len(people),
        "answers": {d: {"means": allowed.get(d, ""), "people": w} for d, w in by_digit.items()},
        "unclear": [{"who": a.contact, "text": a.text} for a in found.unclear],
        "silent": list(found.silent),
    }
    app.reporter().keep_answers(view.id, {**data, "at": iso(app.clock.now())})
    render.emit("bcp.answers/1", data, "\n".join(lines))


def _told(app: App, view: Any) -> list[tuple[str, str]]:
    """(audience, message) of each notify step of a run."""
    from bcp.playbook.load import loads  # noqa: PLC0415

    loaded = loads(view.plan["playbook_text"], view.plan["playbook_file"])
    return [
        (str(s.step.with_["audience"]), str(s.step.with_["template"]))
        for s in loaded.steps
        if s.step.uses == "notify" and s.step.with_.get("audience") in app.directory.audiences
    ]


async def _inbound(app: App, since: float) -> list[Any]:
    try:
        return await app.inbound(since)
    finally:
        await app.close()


def clocks(
    aware: Annotated[
        str,
        typer.Option("--aware", help="When you became aware: 2026-01-22T17:45Z. Else the start of the last outage."),
    ] = "",
    classified: Annotated[str, typer.Option("--classified", help="When it was classified as major.")] = "",
    initial_sent: Annotated[str, typer.Option("--initial-sent", help="When the initial notice went out.")] = "",
    notified: Annotated[str, typer.Option("--notified", help="When the notification went out.")] = "",
) -> None:
    """Clocks."""
    from bcp.comms.clocks import due, load_clocks  # noqa: PLC0415
    from bcp.kernel.clock import SystemClock, iso  # noqa: PLC0415
    from bcp.wiring import SHIPPED  # noqa: PLC0415

    path, now = SHIPPED / "clocks" / "regulators.yaml", SystemClock().now()
    try:
        config_path()
        app: App | None = make_app()
    except Invalid:
        app = None
    if app is not None and app.settings.regulators is not None:
        path = app.settings.regulators
    given = {"aware": aware, "classified": classified, "initial-sent": initial_sent, "notified": notified}
    happened = {k: _moment(k, v) for k, v in given.items() if v}
    if "aware" not in happened and app is not None and (past := app.history.incidents(0.0)):
        happened["aware"] = past[-1].confirmed
    found = due(load_clocks(path), happened)
    rows, data = [], []
    for d in found:
        left = (
            "not begun"
            if d.at is None
            else ("OVERDUE " + format_duration(now - d.at) if d.at < now else "in " + format_duration(d.at - now))
        )
        rows.append(
            [
                iso(d.at)[:16].replace("T", " ") or "-",
                left,
                d.clock.rule,
                f"from {d.counted_from}; draft {d.clock.draft}",
            ]
        )
        data.append(
            {
                "name": d.clock.name,
                "rule": d.clock.rule,
                "recipient": d.clock.recipient,
                "due": iso(d.at),
                "counted_from": d.counted_from,
                "draft": d.clock.draft,
                "source": d.clock.source,
            }
        )
    text = (
        render.table(rows, ["DUE (UTC)", "", "WHAT", ""])
        + "\nDrafts only: a named person decides and files. Not legal advice."
    )
    render.emit("bcp.clocks/1", {"clocks": data}, text)


def _moment(name: str, text: str) -> float:
    from datetime import UTC, datetime  # noqa: PLC0415

    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise Invalid(f"--{name} {text!r} is no time", hint="For example 2026-01-22T17:45Z") from error
    return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
