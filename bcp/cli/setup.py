"""``bcp config`` and ``bcp doctor``: is what is set up right?"""

from __future__ import annotations

import json

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import config_path


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="doctor", help="Is everything reachable and are we allowed to use it, today? Changes nothing.")(
        doctor
    )
    group = typer.Typer(help="The configuration: check, schema.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="check", help="Validate bcp.yaml, the contacts and the messages.")(check)
    group.command(name="schema", help="Print the JSON Schema of bcp.yaml, for editors.")(schema)
    app.add_typer(group, name="config")


def check() -> None:
    """Check bcp.yaml and all that it names."""
    app = make_app()
    people, messages = len(app.people.directory.contacts), len(app.world.pack.names())
    empty = [n for n in app.people.directory.audiences if not app.people.directory.members(n)]
    doubts = app.running.books.doubts
    text = (
        f"{config_path()}: nothing wrong. {len(app.world.domains)} domain(s), {people} contact(s), "
        f"{messages} message(s), {len(app.world.channels)} channel(s)."
    )
    render.emit(
        "bcp.config/1",
        {
            "file": str(config_path()),
            "domains": list(app.world.domains),
            "contacts": people,
            "messages": messages,
            "empty_audiences": empty,
            "doubts": doubts,
        },
        text + "".join(f"\nwarning: {w}" for w in (*(f"nobody is in the audience {n!r}" for n in empty), *doubts)),
    )


def schema() -> None:
    """Print the JSON Schema of bcp.yaml."""
    from bcp.settings import Settings
    from bcp.settings.families import add_schemas

    out = Settings.model_json_schema(by_alias=True)
    add_schemas(out)
    render.raw(
        json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": "https://bcp.invalid/config.v1.json",
                **out,
                "title": "bcp.yaml, version 1",
            },
            indent=1,
        )
    )


def doctor() -> None:
    """Doctor."""
    from bcp.cli.doctor import doctor as look  # a long file that only this command needs

    look()
