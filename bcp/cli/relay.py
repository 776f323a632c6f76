"""``bcp relay``: the backup relay: its agent, and every mail that it took, accounted for by recipient."""

from __future__ import annotations

import typer

from bcp.cli import relay_agent, relay_books, relay_drain, relay_kit, relay_recipients


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="The backup relay: kit, recipients, drain, agent, pull, take, mails, account, give-up.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    # Whoever has commands of this group adds their module here.
    for module in (relay_agent, relay_books, relay_kit, relay_recipients, relay_drain):
        module.register(group)
    app.add_typer(group, name="relay")
