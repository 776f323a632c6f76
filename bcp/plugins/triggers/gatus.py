"""``gatus``: Gatus' custom alerting provider, with the body we ask for (github.com/TwiN/gatus, configuring custom
alerts)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed, text_of


class GatusSettings(HookSettings):
    """The provider `custom`, with the body below and a header that holds a token."""

    kind: Literal["gatus"] = "gatus"
    """Which plug-in."""


class Gatus(Hook[GatusSettings]):
    """It sends no id: what counts is that an endpoint changed from well to failing or back."""

    kind = "gatus"
    Settings = GatusSettings
    example: ClassVar[str] = """alerting:
  custom:
    url: http://127.0.0.1:8080/hooks/gatus
    method: POST
    headers: {Authorization: "Bearer ${BCP_TOKEN}", Content-Type: application/json}
    body: '{"endpoint": "[ENDPOINT_NAME]", "group": "[ENDPOINT_GROUP]", "url": "[ENDPOINT_URL]",
      "state": "[ALERT_TRIGGERED_OR_RESOLVED]", "description": "[ALERT_DESCRIPTION]"}'
    placeholders: {ALERT_TRIGGERED_OR_RESOLVED: {TRIGGERED: triggered, RESOLVED: resolved}}
    default-alert: {send-on-resolved: true}"""

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says."""
        top = mapping(body, "the body")
        state, name = needed(top, "state").lower(), needed(top, "endpoint")
        firing = state in {"triggered", "firing"}
        if not firing and state != "resolved":
            return []
        labels = {n: text_of(top.get(n)) for n in ("endpoint", "group", "url")}
        title = text_of(top.get("description")) or f"{name} {state}"
        return [Alert("", f"{labels['group']}|{name}", firing, title, "", labels, labels["url"])]


PLUGIN = HookPlugin(api=1, settings=GatusSettings, make=Gatus)
