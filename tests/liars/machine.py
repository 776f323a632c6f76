"""What this machine says: programs, the relay's log, the files of the status page. No program is started."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bcp.contracts.services import ProcessResult
from bcp.kit.site import Site
from liars.lies_text import TextLie
from liars.script import Script

LOGGED = "Jan 16 08:00:30 relay postfix/smtp[1]: Q1: to=<alice@corp.test>, dsn=2.0.0, status=sent (250 ok)\n"


@contextlib.contextmanager
def machine(script: Script, queue: Callable[[], str], flush: Callable[[], None]) -> Iterator[None]:
    """For the time of the block ``postqueue``, the log and ``entries.json`` are what the script says."""

    async def run(arguments: Sequence[str], **_: Any) -> ProcessResult:
        listing = "-j" in arguments
        lie: TextLie | None = script.cue("program.queue" if listing else "program.drain")
        if lie is not None:
            return lie.ended()
        if not listing:
            flush()
        return ProcessResult(0, queue() if listing else "", "")

    def log(path: Path) -> str:
        lie: TextLie | None = script.cue("file.log")
        return LOGGED if lie is None else lie.ended().stdout

    entries = Site.entries

    def read(site: Site) -> Any:
        lie: TextLie | None = script.cue("file.page")
        if lie is not None:
            site.folder.mkdir(parents=True, exist_ok=True)
            (site.folder / "entries.json").write_bytes(lie.text)
        return entries(site)

    with (
        patch("bcp.plugins.relays.smtp.run_program", run),
        patch("bcp.plugins.relays.smtp._read_log", log),
        patch.object(Site, "entries", read),
    ):
        yield
