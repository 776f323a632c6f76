"""``pagerduty``: PagerDuty's V3 webhooks (developer.pagerduty.com, webhooks overview, signatures, behaviour)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed, text_of

_FIRING = {"incident.triggered", "incident.reopened", "incident.acknowledged", "incident.escalated"}
OLD_S = 72 * 3600.0
"""PagerDuty repeats for 48 h and signs no time: an older event is a replay."""


class PagerDutySettings(HookSettings):
    """A webhook subscription. It is answered within a second; PagerDuty gives up after five."""

    kind: Literal["pagerduty"] = "pagerduty"
    """Which plug-in."""


class PagerDuty(Hook[PagerDutySettings]):
    """`X-PagerDuty-Signature: v1=...`, several during a rotation; the event's own id is its identity."""

    kind = "pagerduty"
    signature = "X-PagerDuty-Signature"
    prefix = "v1="
    many = ","
    Settings = PagerDutySettings
    example: ClassVar[str] = """Integrations > Generic Webhooks (v3): URL http://127.0.0.1:8080/hooks/pagerduty
Events: incident.triggered, incident.reopened, incident.resolved"""

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says. Events that neither begin nor end an incident say nothing."""
        event = mapping(mapping(body, "the body").get("event"), "event")
        kind, mark = needed(event, "event_type"), needed(event, "id")
        if kind not in _FIRING and kind != "incident.resolved":
            return []
        occurred = text_of(event.get("occurred_at"))
        if _age(occurred, received.at) > OLD_S:
            return []
        data = mapping(event.get("data"), "data")
        service = data.get("service")
        labels = {
            "service": text_of(service.get("summary")) if isinstance(service, dict) else "",
            "urgency": text_of(data.get("urgency")),
            "priority": text_of((data.get("priority") or {}).get("summary"))
            if isinstance(data.get("priority"), dict)
            else "",
        }
        outage = needed(data, "id")
        return [
            Alert(
                mark,
                outage,
                kind in _FIRING,
                text_of(data.get("title")) or "incident",
                text_of(data.get("created_at")),
                labels,
                text_of(data.get("html_url"), 500),
            )
        ]


def _age(moment: str, now: float) -> float:
    try:
        return now - datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0


PLUGIN = HookPlugin(api=1, settings=PagerDutySettings, make=PagerDuty)
