"""The command line. ``bcp --help`` and ``bcp status`` load no vendor and no plug-in."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer

from bcp import __version__
from bcp.cli import (
    accounts,
    answer,
    audit,
    comms,
    contacts,
    declare,
    dns,
    drill,
    end,
    evidence,
    incident,
    init,
    lab,
    look,
    plan,
    playbook,
    ready,
    relay,
    replay,
    run,
    serve,
    setup,
    snapshot,
    status,
    watch,
)
from bcp.cli.common import Place
from bcp.cli.render import OUT
from bcp.cli.surface import Surface, furnish

HELP = """Keep mail and people going when Exchange Online fails.

Notices which kind of outage it is, moves inbound mail to a backup relay by
switching MX, tells people by channels that still work, and comes back without
losing or doubling a message.

First look, no account needed: bcp drill run
"""
COMMON = "Anywhere: --config FILE, --output json, --quiet, --no-color, --debug, -v."


def _empty() -> typer.Typer:
    return typer.Typer(
        name="bcp",
        cls=Surface,
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
        epilog=COMMON,
    )


app = _empty()
for module in (
    status,
    plan,
    run,
    answer,
    end,
    playbook,
    watch,
    look,
    replay,
    snapshot,
    ready,
    serve,
    accounts,
    incident,
    init,
    setup,
    contacts,
    declare,
    comms,
    audit,
    evidence,
    dns,
    relay,
    drill,
    lab,
):
    module.register(app)
furnish(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bcp {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    config: Annotated[
        str, typer.Option("--config", "-c", help="Configuration file (else BCP_CONFIG, else bcp.yaml here or above).")
    ] = "",
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Tracebacks.")] = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Logs; twice for more.")] = 0,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Version.")] = False,
) -> None:
    if output not in {"text", "json"}:
        raise typer.BadParameter(f"{output[:60]!r} is neither text nor json", param_hint="--output")
    Place.config = config
    OUT.json, OUT.quiet, OUT.colour, OUT.debug, OUT.verbosity = output == "json", quiet, not no_color, debug, verbose
    if verbose or debug:
        from bcp.kernel.log import set_up

        set_up(2 if debug else verbose)
    else:
        _quiet_libraries()


def _quiet_libraries() -> None:
    import logging  # 3 ms, and vendors log at will

    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger().setLevel(logging.CRITICAL)


def overview() -> typer.Typer:
    """The same commands without their options: ``bcp --help`` lists names, and options cost a third of its time."""
    top = _empty()
    for command in app.registered_commands:
        top.command(name=command.name, help=command.help, hidden=command.hidden)(_nothing)
    for group in app.registered_groups:
        assert group.typer_instance is not None
        top.command(name=group.name, help=str(group.typer_instance.info.help))(_nothing)
    top.callback()(_options)
    return top


def alone(name: str) -> typer.Typer:
    """The command or the group of this name and no other; an unknown name: all of them.

    Typer reads the signatures of all hundred commands before it looks at the line: a tenth of a short command's time.
    """
    commands = [c for c in getattr(app, "registered_commands", ()) if c.name == name]
    groups = [g for g in getattr(app, "registered_groups", ()) if g.name == name]
    if not commands and not groups:
        return app
    top = _empty()
    top.registered_commands, top.registered_groups = commands, groups
    top.callback()(_options)
    return top


def command(name: str | None) -> Any:
    """The command or group of this name, ready to take a line; ``None``: the overview. Made once in a process."""
    return _made(app, name)


@cache
def _made(top: typer.Typer, name: str | None) -> Any:
    from typer.main import get_command

    chosen = overview() if name is None else alone(name)
    return get_command(chosen) if isinstance(chosen, typer.Typer) else chosen


def _nothing() -> None:
    """Never called: only its name is shown."""
