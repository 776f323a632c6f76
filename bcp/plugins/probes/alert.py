"""``alert``: what another monitoring system says, as one signal among others.
Alertmanager's webhook bodies, left in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import PlaneName, Probe, ProbePlugin, Result, Role, Signal, StoredProbeSettings

MAX_BYTES = 1_000_000
MAX_FILES = 1_000


class AlertSettings(StoredProbeSettings):
    """Which alerts count."""

    kind: Literal["alert"] = "alert"
    """Which plug-in."""
    plane: PlaneName | None = "inbound"
    """What the alert is about."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels that an alert must carry. Empty: every alert."""
    valid: Duration = 14_400.0
    """A firing alert that was not repeated for this long says nothing any more."""


class AlertProbe(Probe[AlertSettings]):
    """Decides per alert, as a firing group may contain resolved ones.
    It counts beside a look of our own, never alone."""

    kind = "alert"
    plane = "inbound"
    role: ClassVar[Role] = Role.TOLD
    state_path: ClassVar[str] = "alerts"
    Settings = AlertSettings

    async def look(self) -> Signal:
        """One look into the folder."""
        folder = self.settings.store
        latest: dict[str, tuple[float, bool, str]] = {}
        files = sorted(folder.glob("*.json"), key=lambda p: p.name)[-MAX_FILES:] if folder and folder.is_dir() else []
        for path in files:
            for key, at, firing, text in alerts(path, self.settings.labels):
                if key not in latest or at >= latest[key][0]:
                    latest[key] = (at, firing, text)
        if not latest:
            return self.saw(Result.UNKNOWN, "silent", "no alert came")
        fresh = [t for at, firing, t in latest.values() if firing and self.clock.now() - at <= self.settings.valid]
        if fresh:
            return self.saw(
                Result.FAIL, "alert", f"{fresh[0]}{f' and {len(fresh) - 1} more' if len(fresh) > 1 else ''}"
            )
        if any(firing for _, firing, _ in latest.values()):
            return self.saw(Result.UNKNOWN, "stale", "the alert was neither repeated nor resolved")
        return self.saw(Result.OK, "", "the alerts are resolved")


def alerts(path: Path, labels: Mapping[str, str]) -> list[tuple[str, float, bool, str]]:
    """(key, when told, firing, text) of each alert of a body (Alertmanager webhook, version 4).
    Unreadable bodies hold none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return []
        told = path.stat().st_mtime
        body: Any = json.loads(path.read_bytes())
        found = body["alerts"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    out = []
    for alert in found if isinstance(found, list) else ():
        if not isinstance(alert, dict) or not isinstance(alert.get("labels"), dict):
            continue
        have = alert["labels"]
        if any(str(have.get(k)) != v for k, v in labels.items()):
            continue
        key = str(alert.get("fingerprint") or json.dumps(have, sort_keys=True))
        out.append(
            (key, told, alert.get("status") == "firing", f"{have.get('alertname', 'alert')} since {_when(alert)}")
        )
    return out


def _when(alert: Mapping[str, Any]) -> str:
    try:
        return datetime.fromisoformat(str(alert.get("startsAt"))).strftime("%H:%M")
    except ValueError:
        return "?"


PLUGIN = ProbePlugin(api=1, settings=AlertSettings, make=AlertProbe)
