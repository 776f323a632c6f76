"""``grafana``: Grafana Alerting's webhook: Alertmanager's body and more,
and an HMAC (grafana.com, webhook notifier)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received
from bcp.kit.alert_group import grouped


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
        return grouped(body, "panelURL")


PLUGIN = HookPlugin(api=1, settings=GrafanaSettings, make=Grafana)
