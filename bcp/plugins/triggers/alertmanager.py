"""``alertmanager``: Prometheus Alertmanager's webhook, version 4 (prometheus.io, configuration, webhook_config)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received
from bcp.kit.alert_group import grouped


class AlertmanagerSettings(HookSettings):
    """Alertmanager, with `http_config: authorization` or `basic_auth`. It cannot sign (Alertmanager issue 4248)."""

    kind: Literal["alertmanager"] = "alertmanager"
    """Which plug-in."""


class Alertmanager(Hook[AlertmanagerSettings]):
    """One group may hold alerts that fire and alerts that are resolved: each is judged alone."""

    kind = "alertmanager"
    Settings = AlertmanagerSettings
    example: ClassVar[str] = """receivers:
  - name: bcp
    webhook_configs:
      - url: http://127.0.0.1:8080/hooks/alertmanager
        http_config: {authorization: {credentials_file: /etc/alertmanager/bcp.token}}"""

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says."""
        return grouped(body)


PLUGIN = HookPlugin(api=1, settings=AlertmanagerSettings, make=Alertmanager)
