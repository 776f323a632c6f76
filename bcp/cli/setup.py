"""``bcp config`` and ``bcp doctor``: is what is set up right?"""

from __future__ import annotations

import json

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import config_path
from bcp.kernel.text import plural


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="doctor", help="Is everything reachable and are we allowed to use it, today? Changes nothing.")(
        doctor
    )
    group = typer.Typer(help="The configuration: check, schema.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="check", help="Validate bcp.yaml, the contacts and the messages.")(check)
    group.command(name="schema", help="Print the JSON Schema of bcp.yaml, for editors.")(schema)
    app.add_typer(group, name="config")


_AIMLESS = (
    "primary: is not given and no snapshot has it: nothing looks at its mail hosts, and there is no way back to "
    "them. Fill it in, or while mail flows: bcp snapshot"
)


def check() -> None:
    """Check bcp.yaml and all that it names."""
    from bcp.deeds.readiness.papers import unset_secrets

    app = make_app()
    people, messages = len(app.people.directory.contacts), len(app.world.pack.names())
    empty = [n for n in app.people.directory.audiences if not app.people.directory.members(n)]
    unset, doubts = dict(unset_secrets(app)), app.running.books.doubts
    aimless = [n for n, d in app.world.domains.items() if d.primary is None]
    warnings = (
        *(f"{where}: {why}" for where, why in unset.items()),
        *(f"nobody is in the audience {n!r}" for n in empty),
        *(f"domains: {n}: {_AIMLESS}" for n in aimless),
        *doubts,
    )
    verdict = f"no mistake, {plural(len(warnings), 'thing')} to look at" if warnings else "nothing wrong"
    text = (
        f"{config_path()}: {verdict}. {plural(len(app.world.domains), 'domain')}, {plural(people, 'contact')}, "
        f"{plural(messages, 'message')}, {plural(len(app.world.channels), 'channel')}."
    )
    text = render.wrap(text)
    after = "\nA secret may be set where the daemon runs: ask there, bcp doctor." if unset else ""
    render.emit(
        "bcp.config/1",
        {
            "file": str(config_path()),
            "domains": list(app.world.domains),
            "contacts": people,
            "messages": messages,
            "empty_audiences": empty,
            "without_primary": aimless,
            "doubts": doubts,
            "unset": unset,
        },
        text + "".join(f"\nwarning: {w}" for w in warnings) + after,
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
