"""``bcp serve``: the daemon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.accounts import accounts_to_read, need_serve
from bcp.cli.common import app as make_app
from bcp.cli.common import config_path, wait_for
from bcp.kernel.errors import Invalid

if TYPE_CHECKING:
    from bcp.settings import Configuration
    from bcp.settings.serve import ServeSettings
    from bcp.wiring import App


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        name="serve",
        help="The daemon: watch, take hooks, ask people, show it all in a browser. Ctrl-C ends; HUP reloads.",
    )(serve)


def serve(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Instead of serve: listen: in bcp.yaml.")
    ] = "",
    check: Annotated[bool, typer.Option("--check", help="Only say what would be served, and what is missing.")] = False,
    unit: Annotated[
        bool, typer.Option("--systemd-unit", help="Print a hardened systemd unit for this configuration.")
    ] = False,
) -> None:
    """Run the daemon, or only check what it would serve, or print a systemd unit."""
    from dataclasses import replace

    from bcp.kernel.log import set_up_json
    from bcp.settings import load

    need_serve()
    path = config_path()
    configuration = load(path)
    if listen:
        given = _listening(listen, configuration.settings.serve)
        configuration = replace(configuration, settings=configuration.settings.model_copy(update={"serve": given}))
    if unit:
        render.raw(_unit(configuration, path.resolve()))
        return
    if check:
        _check(make_app())
        return
    from bcp.server.serve import serve as work

    set_up_json(render.OUT.verbosity)

    def ready(url: str) -> None:
        hooks = ", ".join(configuration.plugins["triggers"]) or "none"
        render.say(f"Serving {url}  hooks: {hooks}  state: {configuration.state}")

    code = wait_for(work(configuration, path, ready))
    if code:
        raise typer.Exit(code)


def _listening(listen: str, settings: ServeSettings) -> ServeSettings:
    """The settings with another address. Raises ``Invalid``."""
    from pydantic import ValidationError

    from bcp.settings.serve import ServeSettings

    try:
        ServeSettings.model_validate({"listen": listen})
    except ValidationError as error:
        raise Invalid(f"--listen {listen!r} is not HOST:PORT", hint="For example 127.0.0.1:8080") from error
    return settings.model_copy(update={"listen": listen})


def _check(app: App) -> None:
    from bcp.deeds.readiness.papers import unset_secrets
    from bcp.server.keys import given_key
    from bcp.settings.families import place_of

    s = app.settings.serve
    given_key(app)
    found = [("listen", s.listen), ("public url", s.public_url or "none: no links in texts, vendors are polled")]
    found += [
        (f"hook {n}", f"POST /hooks/{n} ({h.kind}, {getattr(h, 'mode', '')})")
        for n, h in app.configuration.plugins["triggers"].items()
    ]
    found += [
        (
            f"caller {n}",
            f"POST {place_of('callers', n)}/... ({c.kind})" if c.takes_calls() else f"{c.kind} (not called)",
        )
        for n, c in app.world.callers.items()
    ]
    people = sorted({p for g in s.ask.groups for p in app.people.approvers([g])})
    found.append(("asks", ", ".join(people)))
    by = app.world.askers
    found.append(("by", ", ".join(by)))
    wrong = [] if people else [("asks", "NOBODY: nobody is in " + ", ".join(s.ask.groups))]
    wrong += [] if by else [("by", "NO CHANNEL: nobody can be asked; a yes is given at a terminal (bcp approve)")]
    deaf = _unheard(app, people) if by else []
    if deaf and len(deaf) == len(people):
        text = "NOBODY: no phone, no id on a channel that asks. An answer is given at a terminal alone (bcp approve)"
        wrong.append(("in person", text))
    elif deaf:
        found.append(("not in person", f"{', '.join(deaf)}: no phone, no id on a channel that asks"))
    wrong += [(where, f"NOT SET: {why}") for where, why in unset_secrets(app)]
    found += _chosen(app)
    wrong += _unready(app) + _troubles(app)
    with accounts_to_read(app) as accounts:
        many = len(accounts.users()) if accounts is not None else 0
    found.append(("accounts", str(many) if many else "none yet: bcp user add"))
    items = {**dict(found), **dict(wrong)}
    rows = [[name, text] for name, text in items.items()]
    render.emit("bcp.serve-check/1", {"items": items, "ok": not wrong}, render.table(rows))
    if wrong:
        raise typer.Exit(1)


def _unheard(app: App, people: list[str]) -> list[str]:
    """People whom no question reaches in person. What is posted in a room wakes nobody up."""
    from bcp.deeds.readiness.people import ways_of

    return [p for p in people if not ways_of(app, p)]


def _troubles(app: App) -> list[tuple[str, str]]:
    """What is wrong with the state folder that the daemon would serve."""
    from bcp.store.sqlite.health import troubles
    from bcp.store.sqlite.state import SqliteState

    return [
        (t.subject, f"NOT WHOLE: {t.message}" + (f". {t.hint}" if t.hint else ""))
        for t in troubles(SqliteState(app.configuration.state))
    ]


def _chosen(app: App) -> list[tuple[str, str]]:
    """Which playbook an outage of each class starts."""
    out = []
    for letter, (moved, kept) in app.playbooks.chosen().items():
        out += [(f"class {letter}", moved or kept)] if moved or kept else []
        out += [(f"class {letter}, MX stays", kept)] if moved and kept else []
    return out


def _unready(app: App) -> list[tuple[str, str]]:
    """Playbooks that were asked for and are not taken, and those that cannot start, each with the reason."""
    books = app.playbooks
    missing = "it does not exist, or is not for this class"
    return [(f"class {c}", f"NOT {n}: {missing}") for c, n in books.not_taken().items()] + [
        (name, f"NOT READY: {why}") for name, why in books.unready().items()
    ]


def _unit(configuration: Configuration, path: Path) -> str:
    """The unit, for the program that runs now and the folders that this configuration writes to."""
    import sys

    from bcp.contracts.channel import Page
    from bcp.deeds.unit import program, unit
    from bcp.wiring import make_app as wired

    pages = [c.folder for c in wired(configuration).world.channels.values() if isinstance(c, Page)]
    return unit(program(sys.argv[0], sys.executable), path, [f.absolute() for f in (configuration.state, *pages)])
