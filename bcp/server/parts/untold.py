"""That nobody was told is never only in a log that nobody reads: it is in the book, and so on the console."""

from __future__ import annotations

from bcp.kernel.log import logger
from bcp.server.core import Core

LOG = logger(__name__)


async def note_nobody(core: Core, incident: str, what: str, tried: int) -> None:
    """Nobody is known to have been told of something: loudly in the log, in the book, and so on the console."""
    LOG.error("nobody is known to have been told: %s", what)
    text = f"{tried} tries, and no channel took it" if tried else "there is no channel or nobody to tell"
    do = getattr(core, "do", None)
    if do is not None:
        await do(lambda b: b.note("nobody_told", incident, "bcp", text=f"{text}: {what}"))
    core.changed()
