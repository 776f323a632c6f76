"""``bcp plan``: what a playbook would change now, and what speaks against it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import pairs, wait_for
from bcp.cli.person import ground_of, who_is
from bcp.kernel.clock import moment_text
from bcp.kernel.errors import GateClosed, Invalid, Refused, StorageError
from bcp.kernel.text import one_or_many, plural
from bcp.kernel.units import format_duration

if TYPE_CHECKING:
    from bcp.contracts.action import Refusal
    from bcp.deeds.plan import PlanRequest
    from bcp.mx.forecast import Forecast
    from bcp.plan.model import Plan, PlannedStep
    from bcp.wiring import App


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="plan", help="Read the facts; show every change, its undo and every refusal; write a plan file.")(
        plan
    )


Inputs = Annotated[
    list[str] | None, typer.Option("--input", "-i", metavar="NAME=VALUE", help="Input of the playbook; repeat.")
]
Domains = Annotated[
    list[str] | None, typer.Option("--domain", "-d", help="Only this domain; repeat. Else all in bcp.yaml.")
]
Override = Annotated[
    list[str] | None, typer.Option("--override", metavar="RULE", help="Go on in spite of this rule; needs --reason.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is journaled.")]

Since = Annotated[
    str,
    typer.Option(
        "--since",
        metavar="WHEN",
        help="When the outage began, if you know better than the watch: 45m (ago), 09:45 (UTC), 2026-01-22T09:45Z.",
    ),
]


RestOf = Annotated[
    str,
    typer.Option(
        "--rest-of",
        metavar="RUN",
        help="Only the domains that this run did not move; with its playbook and inputs unless said otherwise.",
    ),
]


def which(playbook: str, rest_of: str) -> None:
    """Is it said what is wanted? Raises ``Invalid``."""
    if not playbook and not rest_of:
        raise Invalid("which playbook?", hint="Name one, or --rest-of RUN.", rule="usage")


def request(
    app: App,
    playbook: str,
    inputs: list[str] | None,
    domains: list[str] | None,
    override: list[str] | None,
    reason: str,
    since: str,
    rest_of: str,
) -> PlanRequest:
    """What is to be planned, by the options. Raises ``Invalid``, ``Refused``."""
    from bcp.deeds.plan import PlanRequest

    wanted = PlanRequest(
        playbook, pairs(inputs, "input"), tuple(domains or ()), overrides(override, reason), since=since
    )
    if not rest_of:
        return wanted
    from bcp.deeds.rest import again, kept_back

    found = again(app, rest_of, wanted)
    if doubt := kept_back(app, rest_of):
        render.warn(doubt)
    return found


def overrides(rules: list[str] | None, reason: str) -> dict[str, str]:
    """Rules with their reason. Raises ``Invalid``."""
    if rules and not reason.strip():
        raise Invalid("--override needs --reason", hint="Say why; it stands in the journal and the report.")
    return dict.fromkeys(rules or [], reason)


def plan(
    playbook: Annotated[str, typer.Argument(help="Playbook by name or path.")] = "",
    inputs: Inputs = None,
    domains: Domains = None,
    override: Override = None,
    reason: Reason = "",
    since: Since = "",
    rest_of: RestOf = "",
    out: Annotated[Path | None, typer.Option("--out", help="Where to write the plan. Else the state folder.")] = None,
) -> None:
    """Make a plan."""
    from bcp.deeds.plan import in_the_way, plan_path, propose

    which(playbook, rest_of)
    app = make_app()
    wanted = request(app, playbook, inputs, domains, override, reason, since, rest_of)

    async def work() -> Plan:
        try:
            return await propose(ground_of(app), who_is(app), wanted)
        finally:
            await app.close()

    made = wait_for(work())
    path = out or plan_path(app, made.id)
    problem = _keep(made, out, plan_path(app, made.id))
    refused, found, hindrance = made.refusals(), app.running.forecast_of(made.to_data()), in_the_way(app, made)
    data = {
        **made.to_data(),
        "forecast": found.to_data() if found is not None else None,
        "fingerprint": made.fingerprint(),
        "file": "" if problem else str(path),
        "runnable": not refused,
        "in_the_way": hindrance and {"rule": hindrance.rule, "message": hindrance.message, "hint": hindrance.hint},
    }
    render.emit(
        "bcp.plan-result/1",
        {k: v for k, v in data.items() if k not in {"playbook_text", "schema"}},
        describe(made)
        + forecast_text(found)
        + ("" if problem else f"\n\nWritten to {path}")
        + ("" if refused or problem else how_to_start(path, hindrance)),
    )
    if problem:
        render.warn(problem)
        raise typer.Exit(1)
    if refused:
        raise typer.Exit(3)


def _keep(made: Plan, *places: Path | None) -> str:
    """Write it down; empty, or why it could not be. It is shown all the same: looking needs no room on a disk."""
    try:
        for place in places:
            if place is not None:
                made.write(place)
    except StorageError as error:
        return f"{error.message}: the plan is shown and not kept, so it cannot be started. {error.hint}".strip()
    return ""


def how_to_start(path: Path, hindrance: Refused | None) -> str:
    """The command; or what has to end first."""
    if hindrance is None:
        return f"\nRun it: bcp run {path}"
    lines = (f"It cannot be started yet: {hindrance.message}.", hindrance.hint, f"Then: bcp run {path}")
    return "\n\n" + "\n".join(render.wrap(line, "  ", "") for line in lines if line)


def ask_to_run(made: Plan) -> None:
    """Ask whether to run this plan. Raises ``GateClosed``: nobody said yes."""
    if not render.ask(f"\nRun this plan ({made.checksum[:12]})?"):
        why = "" if sys.stdin.isatty() else " (there is no terminal to ask at)"
        raise GateClosed(
            f"not started: nobody said yes{why}",
            rule="not-confirmed",
            hint="Add --yes to start without this question. Approval gates still ask.",
        )


def confirm(app: App, made: Plan, *, ask: bool) -> None:
    """May this plan be run, and does somebody want it? Raises ``Refused``, ``GateClosed``."""
    from bcp.plan.model import check_runnable

    check_runnable(made, app.clock.now(), configuration=app.configuration.fingerprint(), playbook_text=None)
    if ask:
        ask_to_run(made)


def describe(made: Plan) -> str:
    """The plan for people: changes first, then sends, then notes, refusals last, where the eye ends."""
    from bcp.plan.model import said_by

    lines = [
        f"{render.paint('Plan', 'bold')} {made.playbook}  {render.paint(made.checksum[:12], 'bold')}  valid until "
        f"{moment_text(made.expires, made.created, render.OUT.zone)}",
        f"Domains: {', '.join(made.domains[:6])}{' ...' if len(made.domains) > 6 else ''}",
    ]
    if made.kind == "drill":
        lines.append(render.paint("EXERCISE", "warn"))
    for title, body in (
        ("Changes", _changes(made)),
        ("Messages", _sends(made)),
        ("Steps", _steps(made)),
        ("Notes", _notes(made)),
    ):
        if body:
            lines += ["", render.paint(title, "bold"), *body]
    overridden = made.overridden()
    if overridden:
        lines += [
            "",
            render.paint("Overridden", "warn"),
            *(
                render.wrap(f"{r.rule}: {r.message} - because {made.overrides[r.rule]}", "    ", "  ! ")
                for _, r in overridden
            ),
        ]
    refused = made.refusals()
    if refused:
        lines += ["", render.paint(f"Refused: {plural(len(refused), 'rule says', 'rules say')} no", "bad")]
        for step, refusal in _each_once(refused):
            lines.append(render.wrap(f"{said_by(step, refusal)} [{refusal.rule}]", "    ", "  x "))
            if refusal.hint:
                lines.append(render.wrap(refusal.hint, "    ", "    "))
            if refusal.overridable:
                lines.append(
                    render.wrap(f"If you know better: --override {refusal.rule} --reason '...'", "    ", "    ")
                )
    return "\n".join(lines)


def _each_once(refused: list[tuple[str, Refusal]]) -> list[tuple[str, Refusal]]:
    """Each reason once, with the first domains that it is said of: a dead credential is one, and no thousand lines."""
    from bcp.plan.alike import repeated, together

    alike: dict[tuple[str, Refusal], list[str]] = {}
    for step, refusal in refused:
        alike.setdefault((step, replace(refusal, message="")), []).append(refusal.message)
    said = [(step, replace(r, message=text)) for (step, r), texts in alike.items() for text in together(texts)]
    bodies = {r.message.partition(": ")[2] for _, r in said if not r.overridable} - {""}
    return [(s, r) for s, r in said if r.overridable or not repeated(r.message.partition(": ")[2], bodies)]


def forecast_text(found: Forecast | None) -> str:
    """How long it would take for senders, with what would make it shorter; empty where nothing is moved."""
    if found is None:
        return ""
    from bcp.mx.forecast_words import advice, sentence

    said = [f"{line[0].upper()}{line[1:]}." for line in (sentence(found), advice(found.advice)) if line]
    return "\n".join(["", "", render.paint("Forecast", "bold"), *(render.wrap(t, "    ", "  - ") for t in said)])


def _changes(made: Plan) -> list[str]:
    out = []
    changes = made.changes()
    for change in changes[:20]:
        out.append(f"  {render.paint(change.target, 'bold')}")
        if change.before:
            out.append(render.wrap(change.before, "      ", "    - "))
        out.append(render.wrap(change.after, "      ", "    + "))
        felt = f"; felt within {format_duration(change.felt_after_s)} (old TTL)" if change.felt_after_s else ""
        out.append(render.wrap(f"undo: {change.undo}{felt}", "      ", "      "))
    if len(changes) > 20:
        out.append(f"  ... and {len(changes) - 20} more")
    return out


def _sends(made: Plan) -> list[str]:
    out = []
    for step in made.steps:
        for f in step.forecasts:
            size = f", {f.segments} segments" if f.segments else ""
            pace = f", {format_duration(f.seconds)} with this sender" if f.seconds >= 1 else ""
            miss = f", {f.unreachable} without an address here" if f.unreachable else ""
            out.append(
                render.wrap(
                    f"{f.channel} to {f.audience}: {counted(f.messages, f.people)}{size}{pace}{miss}",
                    "    ",
                    "  ",
                )
            )
            if f.sample:
                out.append(render.wrap(f'"{f.sample.splitlines()[0]}"', "      ", "    "))
            out += [render.wrap(f"{w}", "      ", "    ! ") for w in f.warnings]
    return out


def counted(messages: int, people: int) -> str:
    """How many messages, and how many people they are for: one in a channel may be for everybody."""
    return f"{messages} message{'s' * (messages != 1)} for {'1 person' if people == 1 else f'{people} people'}"


def _steps(made: Plan) -> list[str]:
    return [f"  {line}" for line in render.table([[s.id, s.phase, _would(s)] for s in made.steps]).splitlines()]


def _would(step: PlannedStep) -> str:
    return {
        "run": step.uses,
        "skip": f"skipped: {step.notes[0] if step.notes else ''}",
        "depends": f"{step.uses} (depends on earlier steps)",
    }[step.would]


def _notes(made: Plan) -> list[str]:
    from bcp.plan.alike import together

    seen = dict.fromkeys(one_or_many(n) for s in made.steps if s.would == "run" for n in together(s.notes))
    return [render.wrap(n, "    ", "  - ") for n in seen]
