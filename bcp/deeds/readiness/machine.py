"""Looks at this machine: clock, disk, databases, copies of the state folder."""

from __future__ import annotations

import asyncio
import shutil
from itertools import islice
from pathlib import Path

from bcp.contracts.readiness import Check
from bcp.contracts.store import RunQuery
from bcp.deeds.readiness.scope import Scope
from bcp.kernel.errors import BcpError
from bcp.kernel.files import make_private, write_atomic
from bcp.kit import sntp, timekeeper
from bcp.ready import machine
from bcp.store.sqlite.health import KNOWN, troubles
from bcp.store.sqlite.readiness import SqliteReadiness
from bcp.store.sqlite.state import SqliteState
from bcp.wiring import App

MOST_FILES = 100_000
"""Of a folder of copies so many files are looked at."""


async def clock(app: App, scope: Scope) -> list[Check]:
    """What time servers, chrony and the kernel say, and whether anything was written down later than now."""
    servers = app.settings.readiness.time
    chrony, asked = await asyncio.gather(timekeeper.chrony(), asyncio.gather(*(_ask(app, s) for s in servers)))
    said = await asyncio.to_thread(timekeeper.kernel)
    newest, what = await asyncio.to_thread(_newest, app)
    follows, error_s = (None, said.error_s) if chrony is None else (chrony.follows, chrony.error_s)
    waits = timekeeper.timesyncd_waits()
    return machine.clock(
        machine.ClockFacts(app.clock.now(), said.kept, tuple(asked), newest, what, error_s, follows, waits)
    )


async def _ask(app: App, server: str) -> machine.TimeAsked:
    try:
        return machine.TimeAsked(server, await sntp.offset(server, app.clock.now))
    except BcpError as error:
        return machine.TimeAsked(server, problem=error.message)


def _newest(app: App) -> tuple[float, str]:
    """The newest thing that was written down in the state folder, and what it is."""
    found = [(0.0, "nothing")]
    for card in app.running.cards(RunQuery(newest=1)):
        found.append((max(card.created, card.started, card.ended), f"the run {card.id}"))
    try:
        last = SqliteReadiness(app.configuration.state).last()
    except BcpError:
        last = None
    if last is not None:
        found.append((last.at, "the last look at readiness"))
    return max(found)


async def disk(app: App, scope: Scope) -> list[Check]:
    """Can something be written, and how much is free?"""
    return [machine.disk(await asyncio.to_thread(_disk, app.configuration.state))]


def _disk(folder: Path) -> machine.DiskFacts:
    try:
        write_atomic(make_private(folder) / ".ready", "ok")
        (folder / ".ready").unlink()
        return machine.DiskFacts(str(folder), shutil.disk_usage(folder).free)
    except (BcpError, OSError) as error:
        return machine.DiskFacts(str(folder), problem=getattr(error, "message", "") or str(error))


async def databases(app: App, scope: Scope) -> list[Check]:
    """Each database, read from end to end."""
    return await asyncio.to_thread(_databases, app.configuration.state)


def _databases(folder: Path) -> list[Check]:
    found = [machine.Damage(t.subject, t.message, t.hint) for t in troubles(SqliteState(folder))]
    bad = {d.subject for d in found}
    return machine.databases([n for n in KNOWN if (folder / n).exists() and n not in bad], found)


async def copies(app: App, scope: Scope) -> list[Check]:
    """The newest file in the folder of copies."""
    wanted = app.settings.readiness.copies
    if wanted is None:
        return [machine.copies(machine.CopyFacts(), app.clock.now())]
    facts = await asyncio.to_thread(_copies, wanted.folder, wanted.max_age)
    return [machine.copies(facts, app.clock.now())]


def _copies(folder: Path, max_age_s: float) -> machine.CopyFacts:
    try:
        if not folder.is_dir():
            return machine.CopyFacts(str(folder), problem="there is no such folder", max_age_s=max_age_s)
        files = (p.stat() for p in islice(folder.rglob("*"), MOST_FILES) if p.is_file())
        newest = max(files, key=lambda s: s.st_mtime, default=None)
    except OSError as error:
        return machine.CopyFacts(str(folder), problem=error.strerror or str(error), max_age_s=max_age_s)
    if newest is None:
        return machine.CopyFacts(str(folder), max_age_s=max_age_s)
    return machine.CopyFacts(str(folder), newest.st_mtime, newest.st_size, max_age_s)
