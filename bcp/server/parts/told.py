"""What monitoring systems say now, left where the ``alert`` probe looks: one file a sender, in Alertmanager's form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bcp.contracts.hook import Alert, text_of
from bcp.kernel.clock import iso
from bcp.kernel.errors import StorageError
from bcp.kernel.files import make_private, write_atomic

MOST = 500
PAUSE_S = 0.3


class Told:
    """The newest alerts of each sender. A repeat keeps an alert fresh, as the probe wants it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._now: dict[str, dict[str, dict[str, Any]]] = {}
        self._dirty: set[str] = set()
        self._heard = asyncio.Event()

    def hear(self, source: str, alerts: Sequence[Alert], at: float) -> None:
        """These came."""
        mine = self._now.setdefault(source, {})
        for alert in alerts:
            labels = {str(k)[:100]: text_of(v) for k, v in list(alert.labels.items())[:50]}
            mine.pop(alert.outage, None)
            mine[alert.outage] = {
                "labels": {"alertname": alert.title, **labels, "source": source},
                "status": "firing" if alert.firing else "resolved",
                "fingerprint": alert.outage,
                "startsAt": alert.started or iso(at),
            }
        for old in list(mine)[:-MOST]:
            del mine[old]
        self._dirty.add(source)
        self._heard.set()

    async def run(self) -> None:
        """Write what is new, a few times a second at most."""
        while True:
            await self._heard.wait()
            self._heard.clear()
            dirty, self._dirty = self._dirty, set()
            for source in dirty:
                text = json.dumps({"alerts": list(self._now[source].values())})
                try:
                    await asyncio.to_thread(self._write, source, text)
                except StorageError:
                    self._dirty.add(source)
            await asyncio.sleep(PAUSE_S)  # noqa: TID251 - real time, of the disk

    def _write(self, source: str, text: str) -> None:
        write_atomic(make_private(self.folder) / f"hook-{source}.json", text)
