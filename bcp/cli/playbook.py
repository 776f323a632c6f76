"""``bcp playbook``: list, show, lint, schema, new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import config_path
from bcp.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from bcp.playbook.catalogue import Catalogue

_STARTER = """\
version: 1
name: {name}
title: Say in one line what this is for
covers: []
concurrency: {{group: "comms:{{{{ service.name }}}}"}}
activation:
  - id: tell-employees
    name: Tell employees
    uses: notify
    with: {{audience: employees, template: access-down, channels: [urgent, chat, page]}}
always:
  - {{uses: report.write}}
"""


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Playbooks: list, show, lint, schema, new.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="list", help="All playbooks.")(list_)
    group.command(name="show", help="Print a playbook.")(show)
    group.command(name="lint", help="Find everything that can be known to be wrong before it is run.")(lint)
    group.command(name="schema", help="Print the JSON Schema of playbooks, for editors.")(schema)
    group.command(name="new", help="Write a small playbook to begin with.")(new)
    app.add_typer(group, name="playbook")


def _files() -> dict[str, Path]:
    try:
        config_path()
    except Invalid:
        from bcp.wiring import SHIPPED

        return {p.stem: p for p in sorted(SHIPPED.glob("*.yaml"))}
    return make_app().playbooks.files()


def list_() -> None:
    """List."""
    from bcp.playbook.load import load

    rows, data = [], []
    for name, path in _files().items():
        try:
            book = load(path).book
            rows.append([name, ",".join(book.covers) or "-", book.title])
            data.append({"name": name, "title": book.title, "covers": list(book.covers), "file": str(path)})
        except Invalid as error:
            rows.append([name, "?", f"cannot be read: {error.message}"])
            data.append({"name": name, "file": str(path), "error": error.message})
    render.emit("bcp.playbooks/1", {"playbooks": data}, render.table(rows, ["PLAYBOOK", "CLASSES", ""]))


def show(name: Annotated[str, typer.Argument(help="Playbook by name.")]) -> None:
    """Show."""
    from bcp.kernel.document import did_you_mean

    files = _files()
    if name not in files:
        raise Invalid(f"there is no playbook {name!r}", hint=did_you_mean(name, files))
    try:
        text = files[name].read_text(encoding="utf-8").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot read {files[name]}: {error}", hint="Playbooks are text in UTF-8.") from error
    render.emit("bcp.playbook-text/1", {"name": name, "file": str(files[name]), "text": text}, text)


def _catalogue() -> Catalogue:
    from bcp.wiring import bare_catalogue

    try:
        config_path()
    except Invalid:
        return bare_catalogue()
    return make_app().playbooks.catalogue()


def lint(
    names: Annotated[list[str] | None, typer.Argument(help="Playbooks by name or path; else all.")] = None,
) -> None:
    """Lint."""
    from bcp.kernel.document import did_you_mean
    from bcp.playbook.lint import lint as check
    from bcp.playbook.load import load

    catalogue, files = _catalogue(), _files()
    problems = []
    for name in names or sorted(files):
        is_path = "/" in name or name.endswith((".yaml", ".yml"))
        if not is_path and name not in files and not Path(name).is_file():
            problems.append(Problem(f"there is no playbook {name!r}", hint=did_you_mean(name, files)))
            continue
        path = Path(name) if is_path else files.get(name, Path(name))
        try:
            problems += check(load(path), catalogue)
        except Invalid as error:
            problems += error.problems or [Problem(error.message, hint=error.hint)]
    errors = [p for p in problems if p.severity == "error"]
    data = [render.problem_data(p) for p in problems]
    text = "\n".join(str(p) for p in problems) or f"{len(names or files)} playbook(s), nothing wrong."
    render.emit("bcp.lint/1", {"problems": data, "errors": len(errors)}, text)
    if errors:
        raise typer.Exit(2)


def schema() -> None:
    """Schema."""
    from bcp.playbook.schema import playbook_schema
    from bcp.wiring import bare_catalogue

    render.raw(json.dumps(playbook_schema(bare_catalogue()), indent=1))


def new(
    name: Annotated[str, typer.Argument(help="Name: letters, digits and dashes.")],
    folder: Annotated[Path, typer.Option("--folder", help="Where.")] = Path("playbooks"),
) -> None:
    """New."""
    import re

    from bcp.kernel.files import write_atomic

    if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", name):
        raise Invalid(f"{name!r} is not a name", hint="Small letters, digits and dashes, a letter first.")
    path = folder / f"{name}.yaml"
    if path.exists():
        raise Invalid(f"{path} exists already", hint="Choose another name.")
    write_atomic(path, _STARTER.format(name=name), mode=0o644)
    render.emit("bcp.written/1", {"file": str(path)}, f"Written to {path}. Check it: bcp playbook lint {path}")
