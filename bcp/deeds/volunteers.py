"""Whom a live drill tells: volunteers alone, and nothing that everybody reads, whoever carries its runs on."""

from __future__ import annotations

from dataclasses import replace

from bcp.contacts.directory import Audience, Directory
from bcp.deeds.exercises import LABS, exercises
from bcp.deeds.stand_ins import EmulatedChannel, Kept, emulated
from bcp.kernel.files import make_private
from bcp.wiring import App


def only_volunteers(whole: Directory, volunteers: str) -> Directory:
    """Every audience becomes the volunteers. Groups stay, so that gates ask the people whom they always ask."""
    mine = whole.audiences[volunteers]
    audiences: dict[str, Audience] = {n: replace(mine, name=n) for n in whole.audiences}
    return Directory(tuple(whole.contacts), audiences, whole.source, whole.taken_at)


def tell_volunteers(app: App, drill: str, volunteers: str) -> None:
    """From now on this app tells nobody else. A status page or a chat room gets nothing: what it would have said is
    kept beside the drill. Done twice it changes nothing more."""
    app.people.use(only_volunteers(app.people.directory, volunteers))
    kept = Kept(make_private(app.configuration.state / LABS / drill) / "kept.jsonl")
    app.world.__dict__["channels"] = emulated(
        app.world.channels, kept, lambda c: not c.broadcast or isinstance(c, EmulatedChannel)
    )


def as_exercised(app: App, run: str) -> None:
    """For whoever goes on with a run of a live drill when the drill itself is over: by hand, by the console, by the way
    back. Nothing for a run of anything else."""
    for found in exercises(app):
        if found.record.kind == "live" and run in found.runs:
            tell_volunteers(app, found.record.id, found.play.volunteers)
