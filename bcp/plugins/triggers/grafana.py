"""``grafana``: Grafana Alerting's webhook: Alertmanager's body and more, and an HMAC (grafana.com, webhook notifier)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookSettings, Received, mapping, needed, text_of
from bcp.kernel.errors import Invalid


class GrafanaSettings(HookSettings):
    """A contact point of Grafana. With a timestamp header set there, name it in `auth: timestamp_header` too."""

    kind: Literal["grafana"] = "grafana"
    """Which plug-in."""


class Grafana(Hook[GrafanaSettings]):
    """HMAC-SHA256 over the body, or over `time:body` where a timestamp header is set."""

    kind = "grafana"
    signature = "X-Grafana-Alerting-Signature"
    Settings = GrafanaSettings
    example: ClassVar[str] = """Contact point > Webhook: URL http://127.0.0.1:8080/hooks/grafana
HMAC signature: secret, header X-Grafana-Alerting-Signature, timestamp header X-Grafana-Alerting-Timestamp"""

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says."""
        top = mapping(body, "the body")
        found = top.get("alerts")
        if not isinstance(found, list):
            raise Invalid("the body has no list of alerts", hint="Is this Grafana Alerting, with its default body?")
        return [self._alert(mapping(a, "an alert"), text_of(top.get("groupKey"), 500)) for a in found[:1000]]

    def _alert(self, alert: Any, group: str) -> Alert:
        labels = mapping(alert.get("labels") or {}, "labels")
        notes = mapping(alert.get("annotations") or {}, "annotations")
        status, mark = needed(alert, "status"), needed(alert, "fingerprint")
        started = text_of(alert.get("startsAt"))
        title = text_of(notes.get("summary")) or text_of(labels.get("alertname")) or "alert"
        return Alert(
            f"{group}|{mark}|{started}|{status}",
            f"{group}|{mark}",
            status == "firing",
            title,
            started,
            dict(labels),
            text_of(alert.get("panelURL") or alert.get("generatorURL"), 500),
        )


def create(name: str, settings: GrafanaSettings) -> Grafana:
    """The hook of these settings."""
    return Grafana(name, settings)
