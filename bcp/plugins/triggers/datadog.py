"""``datadog``: Datadog's webhooks integration, with the body we ask for (docs.datadoghq.com, integrations,
webhooks)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed, text_of

_FIRING = {"Triggered", "Re-Triggered", "Renotify", "No Data", "Re-No Data", "Warn", "Re-Warn"}


class DatadogSettings(HookSettings):
    """A webhook with the custom body below and a header with a token. Datadog cannot sign."""

    kind: Literal["datadog"] = "datadog"
    """Which plug-in."""
    warnings: bool = False
    """Do warnings and missing data count as firing?"""


class Datadog(Hook[DatadogSettings]):
    """The cycle key ties one outage together; with the transition it is the identity."""

    kind = "datadog"
    Settings = DatadogSettings
    example: ClassVar[str] = """URL http://127.0.0.1:8080/hooks/datadog
Custom headers: {"Authorization": "Bearer ..."}
Payload: {"alert_id": "$ALERT_ID", "cycle": "$ALERT_CYCLE_KEY", "aggregate": "$AGGREG_KEY", \
"transition": "$ALERT_TRANSITION",
 "title": "$EVENT_TITLE", "scope": "$ALERT_SCOPE", "tags": "$TAGS", "date": "$DATE", "link": "$LINK"}"""

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says."""
        top = mapping(body, "the body")
        transition, cycle = needed(top, "transition"), needed(top, "cycle", "aggregate", "alert_id")
        firing = transition in _FIRING
        if firing and not self.settings.warnings and transition not in {"Triggered", "Re-Triggered", "Renotify"}:
            return []
        if not firing and transition != "Recovered":
            return []
        tags = dict(t.split(":", 1) for t in text_of(top.get("tags"), 2000).split(",") if ":" in t)
        labels = {"monitor": text_of(top.get("alert_id")), "scope": text_of(top.get("scope")), **tags}
        state = "firing" if firing else "recovered"
        title = text_of(top.get("title")) or "monitor"
        return [Alert(f"{cycle}|{state}", cycle, firing, title, "", labels, text_of(top.get("link"), 500))]


PLUGIN = HookPlugin(api=1, settings=DatadogSettings, make=Datadog)
