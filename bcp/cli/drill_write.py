"""``bcp drill new``, ``note``, ``attend``, ``finding``, ``sign`` and ``close``: what people write of an exercise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import duration, pairs
from bcp.cli.drill_show import Which
from bcp.cli.person import ground_of, who_is
from bcp.kernel.errors import Invalid

if TYPE_CHECKING:
    from bcp.contracts.exercise import Kind
    from bcp.drills.play import Play

As = Annotated[str, typer.Option("--as", help="Who writes, when this is not their login; asks for their code.")]
Many = list[str] | None


def make(group: typer.Typer) -> None:
    """Add ``new``, which stands first."""
    group.command(name="new", help="Make a drill: what is exercised, what counts as passed, who takes part.")(new)


def register(group: typer.Typer) -> None:
    """Add the others."""
    group.command(name="note", help="Write something down: a decision, a deviation, feedback, a conclusion.")(note)
    group.command(name="attend", help="Write down who is there.")(attend)
    group.command(name="finding", help="Raise a finding, or say what became of one.")(finding)
    group.command(name="sign", help="Sign the record as it is now, by name.")(sign)
    group.command(name="close", help="Nothing more is written in it.")(close)


def new(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="tabletop, dry, lab, live; or incident: the record of one.")
    ],
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO", help="Tabletop: an outage (bcp replay --list) or a file. Lab: bcp drill list."
        ),
    ] = "",
    title: Annotated[str, typer.Option("--title", help="What it is called.")] = "",
    playbook: Annotated[str, typer.Option("--playbook", help="The playbook that is exercised.")] = "",
    given: Annotated[Many, typer.Option("--input", metavar="NAME=VALUE", help="Its inputs.")] = None,
    objective: Annotated[
        Many, typer.Option("--objective", metavar="CODE=TARGET", help="rto_receive=30m, rto_communicate:staff=15m ...")
    ] = None,
    person: Annotated[Many, typer.Option("--person", metavar="WHO=ROLE", help="Takes part. May be repeated.")] = None,
    inside: Annotated[Many, typer.Option("--in", help="In scope. May be repeated.")] = None,
    outside: Annotated[Many, typer.Option("--out", help="Not in scope. May be repeated.")] = None,
    assume: Annotated[Many, typer.Option("--assume", help="An assumption. May be repeated.")] = None,
    expect: Annotated[str, typer.Option("--expect", help="The expected outcome.")] = "",
    bia: Annotated[str, typer.Option("--bia", help="Link to the business impact analysis.")] = "",
    third: Annotated[Many, typer.Option("--third-party", help="Else those of the configuration.")] = None,
    domain: Annotated[Many, typer.Option("--domain", help="Live: a drill domain that is really moved.")] = None,
    volunteers: Annotated[str, typer.Option("--volunteers", help="Live: the audience that gets real texts.")] = "",
    hold: Annotated[str, typer.Option("--hold", help="How long mail stays on the relay, such as 10m.")] = "",
    keep: Annotated[float, typer.Option("--keep-years", min=0, max=100, help="How long the record is kept.")] = 5.0,
    incident: Annotated[Many, typer.Option("--incident", help="An incident that it is about.")] = None,
) -> None:
    """New."""
    from bcp.deeds.exercise import New
    from bcp.deeds.exercise import make as make_drill
    from bcp.drills.play import Play
    from bcp.rehearse.scene import scenario_of

    found = _kind(kind)
    app = make_app()
    scene, answers = scenario_of(found, scenario)
    play = Play(
        playbook or answers,
        pairs(given, "input"),
        tuple(domain or ()),
        scene.name if found == "lab" else "",
        volunteers,
        duration(hold, "hold") if hold else 0.0,
    )
    wanted = New(
        found, scene, play, title, tuple(objective or ()), tuple(person or ()), tuple(inside or ()),
        tuple(outside or ()), tuple(assume or ()), expect, bia, tuple(third or ()), keep, tuple(incident or ()),
    )  # fmt: skip
    drill = make_drill(ground_of(app), who_is(app), wanted)
    text = f"{drill}\nNext: bcp drill run {drill}\n  or: bcp drill schedule {drill} --at '2027-01-14 10:00'"
    render.emit("bcp.drill/1", {"drill": drill}, text)


def own_lab(scenario: str, playbook: str = "") -> str:
    """A lab drill of the organisation's own set-up, made in one go; returns its id."""
    from bcp.deeds.exercise import New
    from bcp.deeds.exercise import make as make_drill
    from bcp.drills.play import Play
    from bcp.rehearse.scene import scenario_of

    app = make_app()
    scene, answers = scenario_of("lab", scenario)
    play: Play = Play(playbook or answers, outage=scene.name)
    return make_drill(ground_of(app), who_is(app), New("lab", scene, play))


def _kind(text: str) -> Kind:
    from bcp.drills.outline import KINDS
    from bcp.kernel.document import did_you_mean

    for known in KINDS:
        if known == text:
            return known
    if text == "incident":
        return "incident"
    hint = did_you_mean(text, KINDS) or "; ".join(f"{k}: {w}" for k, w in KINDS.items())
    raise Invalid(f"there is no kind {text[:40]!r} of drills", hint=hint, rule="no-such-kind")


def note(
    drill: Which,
    text: Annotated[str, typer.Argument(help="What is to be written down.")],
    kind: Annotated[
        str,
        typer.Option(
            "--kind", help="observation, decision, deviation, feedback, conclusion, third-party, communication."
        ),
    ] = "observation",
    reaches: Annotated[
        str,
        typer.Option("--reaches", metavar="CODE", help="A decision that reaches an objective, such as rto_receive."),
    ] = "",
    rating: Annotated[int | None, typer.Option("--rating", help="Of feedback: 1 to 5.")] = None,
    as_: As = "",
) -> None:
    """Note."""
    from bcp.deeds.exercise import NoteOf
    from bcp.deeds.exercise import note as write

    app = make_app()
    found = write(ground_of(app), who_is(app, as_), drill, NoteOf(text, kind, reaches, rating))
    render.emit("bcp.drill/1", {"drill": found}, f"written down in {found}")


def attend(
    drill: Which,
    person: Annotated[str, typer.Argument(help="A contact, or a name.")],
    role: Annotated[str, typer.Option("--role", help="Facilitator, incident manager, observer ...")] = "",
    absent: Annotated[bool, typer.Option("--absent", help="They are not there.")] = False,
    left: Annotated[bool, typer.Option("--left", help="They left now.")] = False,
    as_: As = "",
) -> None:
    """Attend."""
    from bcp.deeds.exercise import attend as write

    app = make_app()
    found = write(ground_of(app), who_is(app, as_), drill, person, role=role, absent=absent, left=left)
    render.emit("bcp.drill/1", {"drill": found}, f"{person}: {'absent' if absent else 'left' if left else 'there'}")


def finding(
    drill: Which,
    title: Annotated[str, typer.Argument(help="What was found, in one sentence; left out with --id.")] = "",
    which: Annotated[str, typer.Option("--id", help="A finding that is there already, or 'last'.")] = "",
    severity: Annotated[str | None, typer.Option("--severity", help="low, medium, high or critical.")] = None,
    cause: Annotated[str | None, typer.Option("--cause", help="Root cause.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Who mends it.")] = None,
    due: Annotated[str | None, typer.Option("--due", metavar="DATE", help="Until when: 2027-01-31.")] = None,
    retest: Annotated[str | None, typer.Option("--retest", help="How or when it is tested again.")] = None,
    urgent: Annotated[bool, typer.Option("--urgent", help="Told at once, apart from the report.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="A proposed one becomes an action.")] = False,
    done: Annotated[bool, typer.Option("--done", help="It is mended.")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="It is none.")] = False,
    as_: As = "",
) -> None:
    """Finding."""
    from bcp.deeds.exercise import FindingOf
    from bcp.deeds.exercise import finding as write

    states = [s for s, on in (("open", accept), ("done", done), ("dismissed", dismiss)) if on]
    if len(states) > 1:
        raise Invalid("one of --accept, --done and --dismiss", rule="too-many", hint="bcp drill finding -h")
    wanted = FindingOf(
        which, title or None, severity, cause, owner, due, retest, urgent or None, states[0] if states else None
    )
    app = make_app()
    found = write(ground_of(app), who_is(app, as_), drill, wanted)
    render.emit("bcp.finding/1", {"finding": found}, f"{found}{': ' + states[0] if states else ''}")


def sign(
    drill: Which = "last",
    role: Annotated[str, typer.Option("--role", help="In which role: continuity manager, auditor ...")] = "",
    as_: As = "",
) -> None:
    """Sign."""
    from bcp.deeds.exercise import sign as write

    app = make_app()
    who = who_is(app, as_)
    found = write(ground_of(app), who, drill, role)
    render.emit("bcp.drill/1", {"drill": found, "by": who.person}, f"{who.person} has signed {found}")


def close(
    drill: Which = "last",
    unsigned: Annotated[str, typer.Option("--unsigned", metavar="REASON", help="Why nobody signs it.")] = "",
    as_: As = "",
) -> None:
    """Close."""
    from bcp.deeds.exercise import close as write

    app = make_app()
    found = write(ground_of(app), who_is(app, as_), drill, without=unsigned)
    render.emit("bcp.drill/1", {"drill": found}, f"{found} is closed")
