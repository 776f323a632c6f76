"""``uptime-kuma``: Uptime Kuma's webhook notification,
JSON (github.com/louislam/uptime-kuma, notification-providers/webhook)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed, text_of

_DOWN, _UP = "0", "1"


class UptimeKumaSettings(HookSettings):
    """A notification of type Webhook, application/json, with an additional header that holds a token."""

    kind: Literal["uptime-kuma"] = "uptime-kuma"
    """Which plug-in."""


class UptimeKuma(Hook[UptimeKumaSettings]):
    """It sends no id: what counts is that a monitor changed from up to down or back."""

    kind = "uptime-kuma"
    Settings = UptimeKumaSettings
    example: ClassVar[
        str
    ] = """Notification type Webhook, Post URL http://127.0.0.1:8080/hooks/uptime-kuma, application/json
Additional headers: {"Authorization": "Bearer ..."}"""

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says. A test has neither monitor nor heartbeat, and says nothing; nor do pending and maintenance."""
        top = mapping(body, "the body")
        if top.get("monitor") is None and top.get("heartbeat") is None:
            needed(top, "msg")
            return []
        monitor, beat = mapping(top.get("monitor"), "monitor"), mapping(top.get("heartbeat"), "heartbeat")
        status = needed(beat, "status")
        if status not in {_DOWN, _UP}:
            return []
        name = needed(monitor, "id", "name")
        labels = {n: text_of(monitor.get(n)) for n in ("name", "url", "hostname", "type")}
        title = f"{labels['name'] or name}: {text_of(beat.get('msg')) or ('down' if status == _DOWN else 'up')}"
        return [Alert("", name, status == _DOWN, title, "", labels, labels["url"])]


PLUGIN = HookPlugin(api=1, settings=UptimeKumaSettings, make=UptimeKuma)
