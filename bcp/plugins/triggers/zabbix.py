"""``zabbix``: a webhook media type that posts the macros we ask for (zabbix.com, supported macros, notifications)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed, text_of


class ZabbixSettings(HookSettings):
    """A media type of type Webhook with the parameters below."""

    kind: Literal["zabbix"] = "zabbix"
    """Which plug-in."""


class Zabbix(Hook[ZabbixSettings]):
    """`{EVENT.ID}` is that of the problem, also when it is over;
    `{EVENT.VALUE}` is 1 for a problem and 0 for its end."""

    kind = "zabbix"
    Settings = ZabbixSettings
    example: ClassVar[
        str
    ] = """Parameters: event_id {EVENT.ID}, value {EVENT.VALUE}, update {EVENT.UPDATE.STATUS}, name {EVENT.NAME},
 severity {EVENT.SEVERITY}, host {HOST.NAME}, tags {EVENT.TAGSJSON}
Script:
 var r = new HttpRequest();
 r.addHeader('Content-Type: application/json');
 r.addHeader('Authorization: Bearer ...');
 var answer = r.post('http://127.0.0.1:8080/hooks/zabbix', value);
 if (r.getStatus() !== 202) { throw 'bcp answers ' + r.getStatus() + ': ' + answer; }
 return answer;
Without the throw Zabbix takes 401 and 503 for delivered, and never sends the alert again."""

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says. An update of a problem (a comment, an acknowledgement) says nothing."""
        top = mapping(body, "the body")
        mark, state = needed(top, "event_id"), needed(top, "value")
        if text_of(top.get("update")) == "1" or state not in {"0", "1"}:
            return []
        labels = {n: text_of(top.get(n)) for n in ("host", "severity", "name")}
        return [Alert(f"{mark}|{state}", mark, state == "1", labels["name"] or "problem", "", labels)]


PLUGIN = HookPlugin(api=1, settings=ZabbixSettings, make=Zabbix)
