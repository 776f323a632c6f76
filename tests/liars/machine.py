"""What this machine says: programs, the relay's log, the files of the status page. No program is started."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bcp.contracts.services import ProcessResult
from bcp.kit import mailer
from bcp.kit.site import Site
from bcp.plugins.probes.alert import AlertProbe
from bcp.plugins.probes.people import PeopleProbe
from liars.lies_text import TextLie
from liars.script import Script

LOGGED = "Jan 16 08:00:30 relay postfix/smtp[1]: Q1: to=<alice@corp.test>, dsn=2.0.0, status=sent (250 ok)\n"

ALERT = {
    down: json.dumps({
        "alerts": [{"status": "firing" if down else "resolved", "labels": {"alertname": "Down"},
                    "startsAt": "2027-01-15T08:00:00Z"}]
    }).encode()
    for down in (False, True)
}  # fmt: skip
REPORT = {
    down: json.dumps({
        "at": 1_800_000_000, "who": "alice", "plane": "mailbox", "kind": "declared" if down else "resolved",
        "text": "nothing opens" if down else "well again",
    }).encode() + b"\n"
    for down in (False, True)
}  # fmt: skip


def _told(before: Callable[[Path], None], look: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``look``, after what it looks at was written."""

    async def looks(probe: Any) -> Any:
        before(probe.settings.store)
        return await look(probe)

    return looks


@contextlib.contextmanager
def spools(
    script: Script, queue: Callable[[], str], mails: Callable[[], Iterable[bytes]], down: Callable[[], bool]
) -> Iterator[None]:
    """What probes find here: a queue, alerts that hooks left, what people reported, and a mailbox outside. ``mails``:
    what went out again. ``down``: is Exchange?"""

    async def watched(arguments: Sequence[str], **_: Any) -> ProcessResult:
        lie: TextLie | None = script.cue("program.probe")
        return lie.ended() if lie is not None else ProcessResult(0, queue(), "")

    def alerted(folder: Path) -> None:
        lie: TextLie | None = script.cue("file.alerts")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "1.json").write_bytes(ALERT[down()] if lie is None else lie.text)

    def reported(path: Path) -> None:
        lie: TextLie | None = script.cue("file.problems")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(REPORT[down()] if lie is None else lie.text)

    search = mailer._search

    def arrived(folder: Path, tag: str) -> bool:
        lie: TextLie | None = script.cue("file.arrival")
        new = folder / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for i, mail in enumerate(mails() if lie is None else [lie.text]):
            (new / str(i)).write_bytes(mail)
        return search(folder, tag)

    with (
        patch("bcp.plugins.probes.queue.run_program", watched),
        patch.object(AlertProbe, "look", _told(alerted, AlertProbe.look)),
        patch.object(PeopleProbe, "look", _told(reported, PeopleProbe.look)),
        patch.object(mailer, "_search", arrived),
    ):
        yield


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
