"""What deeds stand on in the daemon: its book, its watch, and itself, who goes on with runs that nobody works on."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from bcp.deeds.who import Ground
from bcp.server.core import Core
from bcp.server.parts.ports import Wakes
from bcp.server.sight import SharedLooker


def ground_of(core: Core, runs: Wakes) -> Ground:
    """For deeds that only read, tell and write down."""

    def wake(run: str) -> None:
        runs.wake(run)
        core.asking.set()
        core.changed()

    looker = SharedLooker(core.sight, core.app.settings.detect.recheck)
    return Ground(core.app, core.do, True, looker.fresh, wake)


@contextlib.asynccontextmanager
async def planning(core: Core, runs: Wakes) -> AsyncIterator[Ground]:
    """For deeds that read the world: with connections of their own, which are closed at the end."""
    app = core.run_app()
    try:
        yield replace(ground_of(core, runs), app=app)
    finally:
        await app.close()
