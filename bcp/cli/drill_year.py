"""``bcp drill year``: what a period of exercises and real outages covered."""

from __future__ import annotations

from typing import Annotated

import typer

from bcp.cli import render


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command(name="year", help="What was rehearsed in a year, what was not, and what is open: page, data, CSV.")(
        year
    )


def year(
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="First day; else a year before the last.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day; else today.")] = "",
    language: Annotated[str, typer.Option("--language", help="en or de; else the organisation's.")] = "",
) -> None:
    """Look back."""
    from bcp.cli.common import app as make_app
    from bcp.deeds.year import look_back, write_year
    from bcp.pages.words import words
    from bcp.pages.year import year_values
    from bcp.reports.year import to_data

    app = make_app()
    found = look_back(app, since, until, language)
    paths = write_year(app, found)
    data = to_data(found)
    shown = year_values(data, words(found.language))
    lines = [f"{words(found.language)('year.question')} {shown['headline']}", shown["sentence"]]
    if shown["never"]:
        lines.append(words(found.language)("year.never") + ":")
    lines += [render.wrap(f"{kind}: {names}", "  ") for kind, names in shown["never"]]
    lines += [", ".join(x for x in (f"{c['label']}: {c['big']}", c["small"]) if x) for c in shown["cards"]]
    render.emit("bcp.year/1", {**data, "files": paths}, "\n".join([*lines, *paths.values()]))
