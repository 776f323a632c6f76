"""``azure-monitor``: Azure Monitor's common alert schema (learn.microsoft.com, alerts-common-schema)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed, text_of
from bcp.kernel.errors import Invalid


class AzureMonitorSettings(HookSettings):
    """An action group's webhook: a token in the URL (it can set no header),
    or a secure webhook with Entra's token (`jwt`)."""

    kind: Literal["azure-monitor"] = "azure-monitor"
    """Which plug-in."""


class AzureMonitor(Hook[AzureMonitorSettings]):
    """It shares its fate with what it watches: a second sender elsewhere is a good thing to have."""

    kind = "azure-monitor"
    Settings = AzureMonitorSettings
    example: ClassVar[str] = """Action group > Webhook: URI https://bcp.example.org/hooks/azure-monitor/TOKEN
Enable the common alert schema: yes"""

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says."""
        top = mapping(body, "the body")
        if top.get("schemaId") != "azureMonitorCommonAlertSchema":
            raise Invalid(
                "this is not the common alert schema", hint="Switch it on in the action group: common alert schema."
            )
        facts = mapping(mapping(top.get("data"), "data").get("essentials"), "essentials")
        condition = needed(facts, "monitorCondition")
        if condition not in {"Fired", "Resolved"}:
            raise Invalid(f"the condition is {condition[:40]!r}", hint="Fired or Resolved")
        mark, started = needed(facts, "alertId", "originAlertId"), text_of(facts.get("firedDateTime"))
        names = ("alertRule", "severity", "signalType", "monitoringService")
        labels = {n: text_of(facts.get(n)) for n in names}
        return [
            Alert(
                f"{mark}|{condition}|{started}",
                mark,
                condition == "Fired",
                text_of(facts.get("description")) or labels["alertRule"] or "alert",
                started,
                labels,
            )
        ]


PLUGIN = HookPlugin(api=1, settings=AzureMonitorSettings, make=AzureMonitor)
