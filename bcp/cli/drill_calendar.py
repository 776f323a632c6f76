"""``bcp drill schedule``: the calendar of exercises. `bcp serve` reminds, and begins those that play by themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import duration
from bcp.cli.person import ground_of, who_is
from bcp.kernel.clock import iso, local
from bcp.kernel.errors import Invalid


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command(name="schedule", help="Put a drill into the calendar; without a drill: show the calendar.")(schedule)


def schedule(
    drill: Annotated[str, typer.Argument(metavar="DRILL", help="Id, its beginning or end, or 'last'.")] = "",
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="Local time: '2027-01-14 10:00'.")] = "",
    zone: Annotated[str, typer.Option("--zone", help="Time zone; else the organisation's.")] = "",
    window: Annotated[str, typer.Option("--window", help="It may begin so long after its time, and not later.")] = "1h",
    every: Annotated[str, typer.Option("--every", help="week, month, quarter, half-year or year.")] = "",
    surprise: Annotated[
        bool, typer.Option("--surprise", help="Begin at a moment inside of the window that nobody knows.")
    ] = False,
    cancel: Annotated[str, typer.Option("--cancel", metavar="REASON", help="It will not be played.")] = "",
) -> None:
    """Schedule."""
    _whole(drill, at, every, cancel, surprise=surprise)
    app = make_app()
    if not drill:
        _calendar()
        return
    if cancel:
        from bcp.deeds.exercise import cancel as call_off

        found = call_off(ground_of(app), who_is(app), drill, cancel)
        render.emit("bcp.drill/1", {"drill": found}, f"{found} will not be played")
        return
    from bcp.deeds.drill_calendar import Wish
    from bcp.deeds.drill_calendar import schedule as put
    from bcp.drills.calendar import window_of

    name = app.running.drills.find(drill)
    slot = put(ground_of(app), who_is(app), name, Wish(at, zone, duration(window, "window"), every, surprise))
    opens, closes = window_of(slot)
    said = f"{name}: {_local(opens, slot.zone)} to {_local(closes, slot.zone)} ({slot.zone})"
    kept = "`bcp serve` begins it, and reminds everybody who takes part."
    render.emit(
        "bcp.schedule/1",
        {"drill": name, "opens": iso(opens), "closes": iso(closes), "every": slot.every, "surprise": slot.surprise},
        f"{said}{', every ' + slot.every if slot.every else ''}\n{kept}",
    )


def _whole(drill: str, at: str, every: str, cancel: str, *, surprise: bool) -> None:
    """Is it said which drill is meant, when and how often? Raises ``Invalid``."""
    from bcp.drills.calendar import check_every

    try:
        check_every(every)
    except Invalid as error:
        raise Invalid(f"--every: {error.message}", hint=error.hint, rule=error.rule) from error
    if not drill and (at or every or surprise or cancel):
        raise Invalid("which drill?", hint="Name it first: bcp drill schedule DRILL. All: bcp drill list", rule="usage")
    if drill and not at and not cancel:
        raise Invalid("at what time?", hint="Name it: --at '2027-01-14 10:00', local time.", rule="no-time")


def _local(at: float, zone: str) -> str:
    return local(at, zone).strftime("%Y-%m-%d %H:%M")


def _calendar() -> None:
    from bcp.deeds.drill_calendar import planned
    from bcp.drills.calendar import window_of

    found = planned(make_app())
    rows = [
        [p.drill, p.kind, _local(window_of(p.slot)[0], p.slot.zone), p.slot.zone, p.slot.every, p.title] for p in found
    ]
    data = [
        {
            "drill": p.drill, "kind": p.kind, "title": p.title, "opens": iso(window_of(p.slot)[0]),
            "closes": iso(window_of(p.slot)[1]), "every": p.slot.every, "surprise": p.slot.surprise,
        }
        for p in found
    ]  # fmt: skip
    text = render.table(rows, ["DRILL", "KIND", "OPENS", "ZONE", "EVERY", ""]) if rows else "Nothing is planned."
    render.emit("bcp.calendar/1", {"planned": data}, text)
