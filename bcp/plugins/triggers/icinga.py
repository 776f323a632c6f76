"""``icinga``: a notification command of Icinga or Nagios that posts the macros we ask for (icinga.com, runtime
macros)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed, text_of

_BAD = {"CRITICAL", "DOWN", "UNREACHABLE"}


class IcingaSettings(HookSettings):
    """A notification command with `curl`, basic or bearer authentication."""

    kind: Literal["icinga"] = "icinga"
    """Which plug-in."""


class Icinga(Hook[IcingaSettings]):
    """PROBLEM begins and RECOVERY ends (each has a time of its own);
    acknowledgements, downtimes and flapping notices say nothing."""

    kind = "icinga"
    Settings = IcingaSettings
    forms = True
    example: ClassVar[str] = """\
# The token stands in a file that only the monitoring user reads: header = "Authorization: Bearer ..."
# Fields go as a form, because outputs hold quotes. For hosts: host.state, host.output, host.last_state_change, no \
service.

# Icinga 2
object NotificationCommand "bcp" {
  command = [ "curl", "-fsS", "--max-time", "10", "--retry", "3", "-K", "/etc/icinga2/bcp.curl", "http://127.0.0.1:8080/hooks/icinga",
    "--data-urlencode", "host=$host.name$", "--data-urlencode", "service=$service.name$",
    "--data-urlencode", "state=$service.state$", "--data-urlencode", "type=$notification.type$",
    "--data-urlencode", "output=$service.output$", "--data-urlencode", "since=$service.last_state_change$" ]
}

# Nagios
define command {
  command_name bcp
  command_line curl -fsS --max-time 10 --retry 3 -K /etc/nagios4/bcp.curl http://127.0.0.1:8080/hooks/icinga \
--data-urlencode "host=$HOSTNAME$" --data-urlencode "service=$SERVICEDESC$" \
--data-urlencode "state=$SERVICESTATE$" --data-urlencode "type=$NOTIFICATIONTYPE$" \
--data-urlencode "output=$SERVICEOUTPUT$" --data-urlencode "since=$LASTSERVICESTATECHANGE$"
}"""

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
        known = since.strip("0.") != ""  # 0: it has never changed; says nothing of this problem
        return [Alert(f"{mark}|{since}|{kind}" if known else "", mark, firing, title, "", labels)]


PLUGIN = HookPlugin(api=1, settings=IcingaSettings, make=Icinga)
