"""``bcp comms`` list, lint, preview: what the texts say, before anybody gets one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import config_path, pairs
from bcp.cli.comms_options import Class, Values
from bcp.kernel.errors import Invalid
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.comms.pack import Pack
    from bcp.contracts.channel import Message
    from bcp.wiring import App


def _pack() -> tuple[Pack, list[str]]:
    """The messages of the configuration, or the shipped ones, and the languages that must be complete."""
    from bcp.comms.pack import load_pack
    from bcp.wiring import SHIPPED

    try:
        config_path()
    except Invalid:
        return load_pack([SHIPPED / "messages"]), []
    app = make_app()
    return app.world.pack, list(app.settings.organisation.languages)


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
    from bcp.comms.lint import lint_message
    from bcp.comms.pack import load_message

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
    from bcp.comms.pack import FORMS
    from bcp.comms.preview import page
    from bcp.comms.render import render as fill
    from bcp.deeds.announce import values as announced
    from bcp.kernel.files import write_atomic

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
    from bcp.comms.segments import count

    size = ""
    if m.form == "sms":
        found = count(m.body)
        size = f"  {plural(m.segments, 'segment')}, {len(m.body)} characters, {found.encoding}"
        if found.offenders:
            worst = found.offenders[0]
            size += f": {worst.character!r} at {worst.position + 1}"
    head = f"{m.language} {m.form}{size}"
    return "\n".join(
        [render.paint(head, "bold"), *([f"  {m.subject}"] if m.subject else []), render.wrap(m.body, "  ", "  ")]
    )
