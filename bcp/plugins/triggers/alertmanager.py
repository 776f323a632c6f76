"""``alertmanager``: Prometheus Alertmanager's webhook, version 4 (prometheus.io, configuration, webhook_config)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookSettings, Received, mapping, needed, text_of
from bcp.kernel.errors import Invalid


class AlertmanagerSettings(HookSettings):
    """Alertmanager, with `http_config: authorization` or `basic_auth`. It cannot sign (Alertmanager issue 4248)."""

    kind: Literal["alertmanager"] = "alertmanager"
    """Which plug-in."""


class Alertmanager(Hook[AlertmanagerSettings]):
    """One group may hold alerts that fire and alerts that are resolved: each is judged alone. A repeat has the same identity."""

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


def grouped(body: Any) -> list[Alert]:
    """The alerts of a group. Raises ``Invalid``."""
    top = mapping(body, "the body")
    found = top.get("alerts")
    if not isinstance(found, list):
        raise Invalid("the body has no list of alerts", hint="Is this Alertmanager, webhook version 4?")
    group = text_of(top.get("groupKey"), 500)
    return [_alert(mapping(a, "an alert"), group) for a in found[:1000]]


def _alert(alert: Any, group: str) -> Alert:
    labels = mapping(alert.get("labels") or {}, "labels")
    notes = mapping(alert.get("annotations") or {}, "annotations")
    status = needed(alert, "status")
    if status not in {"firing", "resolved"}:
        raise Invalid(f"an alert has the status {status[:40]!r}", hint="firing or resolved")
    started = text_of(alert.get("startsAt"))
    print_ = text_of(alert.get("fingerprint")) or repr(sorted((str(k), str(v)) for k, v in labels.items()))[:300]
    name = text_of(labels.get("alertname")) or "alert"
    return Alert(
        f"{group}|{print_}|{started}|{status}",
        f"{group}|{print_}",
        status == "firing",
        text_of(notes.get("summary")) or name,
        started,
        dict(labels),
        text_of(alert.get("generatorURL"), 500),
    )


def create(name: str, settings: AlertmanagerSettings) -> Alertmanager:
    """The hook of these settings."""
    return Alertmanager(name, settings)
