"""Each of our hooks keeps what ``bcp.testing.hook`` asks of every hook. Bodies: as the senders publish them."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from server.payloads import BODIES, SETTINGS, signed

from bcp import registry
from bcp.contracts.hook import HookPlugin
from bcp.testing.hook import HookSuite

SECOND = {
    "alertmanager": ("alerts", 0, "fingerprint"), "grafana": ("alerts", 0, "fingerprint"),
    "pagerduty": ("event", "data", "id"), "datadog": ("cycle",),
    "azure-monitor": ("data", "essentials", "alertId"), "uptime-kuma": ("monitor", "id"), "gatus": ("endpoint",),
    "icinga": ("host",), "zabbix": ("event_id",),
    "github": ("issue", "number"), "standard-webhooks": ("data", "id"), "generic": ("check", "name"),
}  # fmt: skip
"""What is different in another outage of the same sender."""


class Ours(HookSuite):
    """By the published bodies and the senders' ways to prove themselves."""

    now = time.time()  # PagerDuty's bodies carry a date that must be fresh

    def settings(self) -> dict[str, Any]:
        key = self.secret("key")
        whsec = self.secret("whsec", "whsec_" + base64.b64encode(b"s3cret-never-shown-key").decode())
        text = (
            json.dumps(SETTINGS[self.plugin.kind])
            .replace('"file:key"', json.dumps(key))
            .replace('"file:whsec"', json.dumps(whsec))
        )
        return json.loads(text.replace('"file:old"', json.dumps(self.secret("old"))))

    def body(self, *, firing: bool, event: int = 1) -> Any:
        found = BODIES[self.plugin.kind]("firing" if firing else "resolved")
        if event > 1:
            at: Any = found
            *path, last = SECOND[self.plugin.kind]
            for key in path:
                at = at[key]
            at[last] = f"{at[last]}-{event}" if isinstance(at[last], str) else at[last] + event
        return found

    def proof(self, raw: bytes, key: str, at: float) -> tuple[dict[str, str], str]:
        path, headers = signed(self.plugin.kind, raw, key=key, at=at)
        return {k.lower(): v for k, v in headers.items()}, path.removeprefix("/")


def suite_of(kind: str) -> type[Ours]:
    """The suite for one kind: what its settings say decides which promises it makes."""
    given = SETTINGS[kind]["auth"]
    return type(
        "Test" + kind.title().replace("-", ""),
        (Ours,),
        {
            "plugin": registry.find(HookPlugin, kind),
            "signs_body": "hmac" in given,
            "signs_time": kind in {"grafana", "standard-webhooks"},
            "names_events": kind not in {"alertmanager", "gatus", "grafana", "uptime-kuma"},
            "__module__": __name__,
        },
    )


for _kind in sorted(BODIES):
    _made = suite_of(_kind)
    globals()[_made.__name__] = _made


def test_every_hook_of_ours_is_here() -> None:
    """A new one joins."""
    assert set(BODIES) == set(registry.own("triggers")) == set(SECOND)
