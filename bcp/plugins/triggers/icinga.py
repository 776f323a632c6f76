"""``icinga``: a notification command of Icinga or Nagios that posts the macros we ask for (icinga.com, runtime macros)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookSettings, Received, mapping, needed, text_of

_BAD = {"CRITICAL", "DOWN", "UNREACHABLE"}


class IcingaSettings(HookSettings):
    """A notification command with `curl`, basic or bearer authentication."""

    kind: Literal["icinga"] = "icinga"
    """Which plug-in."""


class Icinga(Hook[IcingaSettings]):
    """PROBLEM begins and RECOVERY ends (each has a time of its own); acknowledgements, downtimes and flapping notices say nothing."""

    kind = "icinga"
    Settings = IcingaSettings
    example: ClassVar[
        str
    ] = """curl -fsS -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' http://127.0.0.1:8080/hooks/icinga -d \\
 '{"host": "$host.name$", "service": "$service.name$", "state": "$service.state$", "type": "$notification.type$",
   "output": "$service.output$", "since": "$service.last_state_change$"}'
Nagios: $HOSTNAME$ $SERVICEDESC$ $SERVICESTATE$ $NOTIFICATIONTYPE$ $SERVICEOUTPUT$ $LASTSERVICESTATECHANGE$"""

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says."""
        top = mapping(body, "the body")
        kind, state, host = needed(top, "type").upper(), needed(top, "state").upper(), needed(top, "host")
        firing = kind == "PROBLEM" and state in _BAD
        if not firing and kind != "RECOVERY":
            return []
        service, since = text_of(top.get("service")), text_of(top.get("since"))
        mark = f"{host}|{service}"
        labels = {"host": host, "service": service, "state": state}
        title = text_of(top.get("output")) or f"{host} {service} {state}"
        return [Alert(f"{mark}|{since}|{kind}" if since else "", mark, firing, title, "", labels)]


def create(name: str, settings: IcingaSettings) -> Icinga:
    """The hook of these settings."""
    return Icinga(name, settings)
