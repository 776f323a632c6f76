"""``acme-box``: a relay that keeps its queue and what became of it in two files of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from bcp.contracts.dns import MxHost
from bcp.contracts.relay import MailFate, QueuedMail, RelayPlugin, RelayProbe, RelaySettings
from bcp.kernel.errors import Transient
from bcp.kernel.names import host_name


class BoxSettings(RelaySettings):
    """A box of Acme."""

    kind: Literal["acme-box"] = "acme-box"
    """Which plug-in."""
    host: str
    """The name that is published as MX."""
    folder: Path
    """Where the box writes `queue.jsonl` and `ends.jsonl`."""

    def published(self) -> tuple[MxHost, ...]:
        """The one host."""
        return (MxHost(10, host_name(self.host)),)


class Box:
    """The relay of these settings. mypy compares it with the contract where ``PLUGIN`` is made, below."""

    can_count = True

    def __init__(self, name: str, settings: BoxSettings) -> None:
        self.name, self.settings, self.mx = name, settings, settings.published()

    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        """The box says in a file whether it is up."""
        up = (self.settings.folder / "up").exists()
        return [RelayProbe(self.settings.host, up, message="the box is up" if up else "the box is down", tls="ok")]

    async def queue(self) -> list[QueuedMail]:
        """Every line is a message. A line that is none is an error: nobody may take it for an empty queue."""
        return [_mail(row) for row in self._rows("queue.jsonl")]

    async def drain(self, domains: Sequence[str]) -> str:
        """It delivers by itself."""
        return "it delivers by itself"

    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        """The last end of each recipient."""
        wanted = set(queue_ids)
        ends = [MailFate(*(str(x) for x in row)) for row in self._rows("ends.jsonl") if isinstance(row, list)]
        final = [f for f in ends if f.queue_id in wanted and f.status in {"sent", "bounced", "expired"}]
        return list({(f.queue_id, f.recipient): f for f in final}.values())

    def _rows(self, name: str) -> list[Any]:
        try:
            text = (self.settings.folder / name).read_text(encoding="utf-8")
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (OSError, ValueError, RecursionError) as error:
            raise Transient(f"{name} of the box cannot be read: {error}", hint="Look at the box.") from error


def _mail(row: Any) -> QueuedMail:
    try:
        to = tuple(str(r["address"]) for r in row["recipients"])
        return QueuedMail(str(row["queue_id"]), str(row["sender"]), to, float(row["arrival_time"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Transient("a line of the queue is no message", hint="Look at the box.") from error


PLUGIN = RelayPlugin(api=1, settings=BoxSettings, make=Box)
