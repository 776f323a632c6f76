"""``bcp comms``: the group, and its forecast, send and stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import pairs, wait_for
from bcp.cli.comms_clocks import clocks
from bcp.cli.comms_options import Channels, Class, Values
from bcp.cli.comms_sent import answers, receipts, status
from bcp.cli.comms_texts import lint, list_, preview
from bcp.cli.plan import Since
from bcp.kernel.units import format_duration

if TYPE_CHECKING:
    from bcp.contracts.services import SendForecast
    from bcp.wiring import App


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="Messages: lint, preview, forecast, send, status, stop.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command(name="list", help="All messages.")(list_)
    group.command(name="lint", help="Check messages: languages, segments, claims, links, answers.")(lint)
    group.command(name="preview", help="Show a message as people will see it; with --html as a page.")(preview)
    group.command(
        name="forecast", help="What a send would take: people, messages, segments, minutes, money. Sends nothing."
    )(forecast)
    group.command(name="send", help="Send one message to one audience, as a run of its own.")(send)
    group.command(name="status", help="Who was reached, channel by channel.")(status)
    group.command(name="receipts", help="Ask the vendors what became of every message of a run.")(receipts)
    group.command(name="answers", help="Who answered what, and who is silent; kept in the run's report.")(answers)
    group.command(name="clocks", help="What regulators must be told by when. Drafts only: a person decides and files.")(
        clocks
    )
    group.command(name="stop", help="Stop a send: what has not left stays here.")(stop)
    app.add_typer(group, name="comms")


def forecast(
    audience: Annotated[str, typer.Argument(help="Audience from bcp.yaml.")],
    name: Annotated[str, typer.Argument(help="The message.")],
    channels: Channels = None,
    letter: Class = "",
    given: Values = None,
) -> None:
    """Forecast."""
    app = make_app()
    rows = wait_for(_forecast(app, audience, name, channels, letter, pairs(given, "with")))
    data = [_row(app, r) for r in rows]
    table = [
        [
            d["channel"],
            f"{d['messages']} of {d['people']}",
            f"{d['segments'] or ''}",
            format_duration(d["seconds"]) if d["seconds"] else "",
            d["cost"] or "",
            f"{d['unreachable']} without address" if d["unreachable"] else "",
        ]
        for d in data
    ]
    lines = [render.table(table, ["CHANNEL", "MESSAGES", "SEGMENTS", "TAKES", "COSTS", ""])]
    lines += [f"warning: {r.channel}: {w}" for r in rows for w in r.warnings]
    render.emit("bcp.forecast/1", {"audience": audience, "message": name, "channels": data}, "\n".join(lines))


def _row(app: App, r: SendForecast) -> dict[str, Any]:
    from bcp.deeds.announce import cost

    return {
        "channel": r.channel,
        "people": r.people,
        "messages": r.messages,
        "segments": r.segments,
        "seconds": r.seconds,
        "unreachable": r.unreachable,
        "cost": cost(app, r),
        "sample": r.sample,
        "warnings": list(r.warnings),
    }


async def _forecast(
    app: App, audience: str, name: str, channels: list[str] | None, letter: str, given: dict[str, str]
) -> list[SendForecast]:
    from bcp.deeds import announce

    try:
        return await announce.forecast(app, audience, name, channels, letter, given)
    finally:
        await app.close()


def send(
    audience: Annotated[str, typer.Argument(help="Audience from bcp.yaml.")],
    name: Annotated[str, typer.Argument(help="The message.")],
    channels: Channels = None,
    letter: Class = "",
    given: Values = None,
    since: Since = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same path with services that send nothing.")] = False,
) -> None:
    """Send."""
    from bcp.cli.run import run
    from bcp.deeds.announce import playbook_of

    path = playbook_of(make_app(), audience, name, channels, letter, pairs(given, "with"))
    run(str(path), since=since, yes=yes, dry_run=dry_run)


def stop(
    run_id: Annotated[str, typer.Argument(help="The send. Else the newest that is not over.")] = "",
) -> None:
    """Stop a send, never another run."""
    from bcp.cli.end import work_on
    from bcp.cli.person import ground_of, who_is
    from bcp.deeds.send import stop_send

    app = make_app()
    done = wait_for(stop_send(ground_of(app), who_is(app), run_id))
    if done.live:
        data = {"run": done.run, "told": "abort", "asks": False}
        render.emit("bcp.told/1", data, f"{done.run} was told to stop. See: bcp comms status {done.run}")
    else:
        work_on(app, done.run, asks=False)
    render.say("What has left cannot be called back: send a correction.")
