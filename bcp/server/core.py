"""What every part of the daemon gets: time, the book, the settings of this moment, what is seen, and work beside the
loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from bcp.detect.decide import Decision
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
from bcp.kernel.log import logger
from bcp.server.hub import Hub
from bcp.server.sight import SharedLooker, Sight
from bcp.settings.serve import ServeSettings
from bcp.store.sqlite.book import Book
from bcp.store.sqlite.writer import Writer
from bcp.wiring import App, make_app

LOG = logger(__name__)
T = TypeVar("T")
Loop = Callable[[], Coroutine[Any, Any, None]]
AGAIN_S = 2.0
"""A loop that broke begins again after this time."""


class Core:
    """Shared by the parts; it knows none of them. ``key`` seals links and codes."""

    def __init__(self, app: App, writer: Writer, key: bytes) -> None:
        self.app = app
        """The configuration of this moment; the daemon replaces it when ``bcp.yaml`` is read again."""
        self.clock: Clock = app.clock
        self.state: Path = app.configuration.state
        self.writer, self.key = writer, key
        self.hub = Hub()
        self.sight = Sight(app.watching, app.clock)
        self.ended = asyncio.Event()
        """Set when the daemon ends."""
        self.asking = asyncio.Event()
        """Set when a gate was opened, a question was asked or an answer came: whoever asks people looks at once."""
        self.follow = app.follower().follow
        """Let the course of the outage know at once what runs did; other processes' runs are followed round by
        round."""
        self._group: asyncio.TaskGroup | None = None

    @property
    def settings(self) -> ServeSettings:
        """``serve:`` of this moment."""
        return self.app.settings.serve

    async def do(self, work: Callable[[Book], T]) -> T:
        """Read or write the book, in the next transaction. Raises ``StorageError``."""
        return await self.writer.do(work)

    def seen(self) -> Decision:
        """The verdict that is believed now."""
        return self.sight.seen()

    def changed(self) -> None:
        """Something is to be seen: pages that are open show it."""
        self.hub.changed()

    def run_app(self) -> App:
        """What one run gets: everything of its own but the watch. Whoever makes it closes it."""
        return make_app(
            self.app.configuration,
            self.clock,
            watching=self.app.watching,
            seen=self.seen,
            looker=lambda: SharedLooker(self.sight, self.app.settings.detect.recheck),
        )

    async def pause(self, seconds: float) -> bool:
        """Wait; False when the daemon ends meanwhile: then whatever waits lets go at once."""
        ended = asyncio.ensure_future(self.ended.wait())
        sleep = asyncio.ensure_future(self.clock.sleep(seconds))
        try:
            await asyncio.wait([ended, sleep], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            sleep.cancel()
        return not self.ended.is_set()

    # -- work beside the loops -----------------------------------------------------------------------------------

    def begins(self, group: asyncio.TaskGroup | None) -> None:
        """From now on (until ``None``) work is started in this group."""
        self._group = group

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Beside the loops; an error in it is logged and ends nothing else."""
        assert self._group is not None, "the daemon is not running"
        return self._group.create_task(_guarded(work, name), name=name)


async def _guarded(work: Coroutine[Any, Any, Any], name: str) -> Any:
    try:
        return await work
    except BcpError as error:
        LOG.error("%s: %s", name, error.whole)
    except Exception:
        LOG.exception("%s: unexpected", name)


async def kept(name: str, work: Loop) -> None:
    """A loop for as long as it lasts: what breaks it is logged, and it begins again."""
    while True:
        try:
            await work()
            return
        except BcpError as error:
            LOG.error("%s: %s", name, error.whole)
        except Exception:
            LOG.exception("%s: unexpected", name)
        await asyncio.sleep(AGAIN_S)  # noqa: TID251 - a broken part must not spin
