"""``bcp relay agent``: runs on the relay. ``bcp.relay.door`` has its options; here it is only named, for help.

The command itself is answered before Typer is loaded (``bcp.cli.main``): a relay may have nothing but Python.
"""

from __future__ import annotations

import typer

HELP = """Follow Postfix's log on the relay; answer the main node.

It keeps a ledger with one row for each message and recipient. For its
options: bcp relay agent --help
"""


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command(
        name="agent",
        help=HELP,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    )(agent)


def agent(context: typer.Context) -> None:
    """Run it."""
    from bcp.relay.door import run

    raise typer.Exit(run(context.args))
