"""The commands in the order in which people need them: at night, by day, to set up."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "At night",
        ("status", "verdict", "explain", "plan", "run", "approve", "reject", "failback", "abort", "resume", "settle",
         "acknowledge", "comms", "incident", "declare", "report-problem"),
    ),
    (
        "By day",
        ("watch", "history", "report", "drill", "ready", "doctor", "dns", "relay", "contacts", "playbook", "replay",
         "probe", "snapshot", "audit", "evidence"),
    ),
    ("To set up", ("init", "config", "serve", "user", "token", "lab")),
)  # fmt: skip
"""Every command that is shown stands in one of them; a test sees to it."""


WHOLE = 200
"""No summary is cut at a terminal's width: a second line is easier to read than half of a first one."""


class Room(TyperGroup):
    """A group below the top: its commands, each with its whole summary."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write them in the order in which they were added."""
        found = [(n, c) for n in self.list_commands(ctx) if (c := self.get_command(ctx, n)) and not c.hidden]
        with formatter.section("Commands"):
            formatter.write_dl([(n, c.get_short_help_str(WHOLE)) for n, c in found])


def furnish(top: typer.Typer) -> None:
    """Give every group below ``top`` that help."""
    for group in top.registered_groups:
        group.cls = Room
        if group.typer_instance is not None:
            furnish(group.typer_instance)


class Surface(TyperGroup):
    """The top group: its help lists commands under these headings."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections; what stands in none of them comes last."""
        shown = {n: c for n in self.list_commands(ctx) if (c := self.get_command(ctx, n)) is not None and not c.hidden}
        known = {n for _, names in SECTIONS for n in names}
        rest = ("More", tuple(n for n in shown if n not in known))
        for title, names in (*SECTIONS, rest):
            rows = [(n, shown[n].get_short_help_str(WHOLE)) for n in names if n in shown]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
