"""``bcp drill``: exercises of four kinds; and a first look at the product in the lab, with no account and no root."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import drill_calendar, drill_show, drill_write, drill_year, render
from bcp.cli.common import wait_for
from bcp.cli.live import Timeline

if TYPE_CHECKING:
    from bcp.drills.score import Result


KEPT = {
    "rfc2136": "its zone on a name server of the lab",
    "cloudflare": "its zone at a stand-in for Cloudflare",
    "route53": "its zone at a stand-in for Route 53",
    "azure": "its zone at a stand-in for Azure DNS",
    "google": "its zone at a stand-in for Google Cloud DNS",
    "manual": "its zone at a registrar, where a person enters records",
}
"""Where the zone of a drill is, by the kind of its DNS host."""


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="Drills: new, schedule, run, note, attend, finding, findings, sign, close, list, show, year.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    drill_write.make(group)
    drill_calendar.register(group)
    group.command(
        name="run",
        help="Play an outage in the lab, from break to all-clear; or play a drill that was made by `bcp drill new`."
        " The last line is one JSON object.",
    )(run)
    drill_write.register(group)
    drill_show.register(group)
    drill_year.register(group)
    app.add_typer(group, name="drill")


def run(
    name: Annotated[
        str, typer.Argument(metavar="SCENARIO|DRILL", help="A scenario of `bcp drill list`, or a drill's id or 'last'.")
    ] = "refuse",
    own: Annotated[
        bool, typer.Option("--own", help="With your own bcp.yaml, playbooks, people and texts, in the lab.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the lab keeps everything; else .bcp-drill/<time> here.")
    ] = None,
    dns: Annotated[
        str,
        typer.Option(
            "--dns", metavar="KIND", help="Where the zone is kept: rfc2136, cloudflare, route53, azure, google, manual."
        ),
    ] = "rfc2136",
    relay: Annotated[
        str, typer.Option("--relay", metavar="KIND", help="Who plays the backup relay: lab, or postfix (needs root).")
    ] = "lab",
    speed: Annotated[
        float, typer.Option("--speed", min=0, help="Of a tabletop: story seconds a second; 0: step by step with Enter.")
    ] = 0,
    show_plans: Annotated[bool, typer.Option("--plans/--no-plans", help="Show each plan.")] = True,
) -> None:
    """Run."""
    from bcp.drills.scenario import is_scenario

    if own:
        from bcp.cli.drill_play import play

        play(drill_write.own_lab(name), show_plans=show_plans)
        return
    if not is_scenario(name):
        if name.startswith("drill-") or name == "last":
            from bcp.cli.drill_play import play

            play(name, speed=speed, show_plans=show_plans)
            return
        from bcp.drills.scenario import scenario

        scenario(name)  # says what there is
    first_look(name, folder, dns, relay, show_plans=show_plans)


def first_look(name: str, folder: Path | None, dns: str, relay: str = "lab", *, show_plans: bool) -> None:
    """An outage in the lab, of an organisation that the lab invents. Nothing of the configuration is read."""
    from bcp.cli.plan import describe
    from bcp.drills.scenario import scenario
    from bcp.lab.world import World
    from bcp.rehearse.lab import Drill, relay_played
    from bcp.rehearse.stand import stand

    found, host, make_relay = scenario(name), stand(dns), relay_played(relay)
    where = (folder or Path(".bcp-drill") / time.strftime("%Y%m%d-%H%M%S")).resolve()
    where.mkdir(parents=True, exist_ok=True)
    timeline = Timeline(time.time())  # noqa: TID251 - a drill plays in real time
    render.say(
        f"{render.paint('Drill', 'bold')}: {found.title} ({found.name}), {KEPT.get(dns, f'its zone at {dns}')}. "
        f"Everything is on loopback, in {where}.\n"
    )
    drill = Drill(
        found,
        World(where, make_relay=make_relay),
        timeline,
        lambda plan: render.say("\n" + describe(plan) + "\n") if show_plans else None,
        host,
    )
    try:
        result, wrong, report = wait_for(drill.conduct())
    finally:
        timeline.close()
    _tell(result, wrong, report, dns)
    if wrong:
        raise typer.Exit(1)


def _tell(result: Result, wrong: list[str], report: str, dns: str) -> None:
    """How it went for people, and the last line for programs."""
    summary = {
        "scenario": result.scenario,
        "dns": dns,
        "sent": result.sent,
        "delivered": result.delivered,
        "lost": len(result.lost),
        "duplicated": len(result.duplicated),
        "bounced": len(result.bounced),
        "detected_s": result.detected_s,
        "failover_s": result.failover_s,
        "rto_receive_s": result.rto_receive_s,
        "rto_communicate_s": result.rto_communicate_s,
        "report": report,
    }
    lines = [
        f"{result.sent} mails sent, {result.delivered} delivered, {len(result.bounced)} bounced, {len(result.lost)} "
        f"lost, {len(result.duplicated)} doubled."
    ]
    if result.bounced:
        lines.append(
            render.wrap(
                f"Returned to their senders by Exchange before the switch: {', '.join(map(str, result.bounced))}", "  "
            )
        )
    lines += [f"{render.status_word('failed')}: {w}" for w in wrong]
    lines.append(f"Report: {report}")
    render.say("\n" + "\n".join(lines))
    render.raw(json.dumps(summary))
