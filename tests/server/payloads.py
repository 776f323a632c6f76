"""Bodies as the senders publish them (their documentation pages are named), begun and over;
names and hosts are theirs or example ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

KEY = "hook-secret-0123456789"
WHSEC = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def _alertmanager(status: str) -> dict:
    # prometheus.io/docs/alerting/latest/configuration/#webhook_config, and bodies seen on the wire of Alertmanager 0.25
    return {
        "receiver": "bcp",
        "status": status,
        "groupLabels": {"alertname": "SmtpProbeFails"},
        "commonLabels": {"alertname": "SmtpProbeFails", "service": "exchange", "severity": "critical"},
        "commonAnnotations": {"summary": "The MX host takes no mail"},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}:{alertname="SmtpProbeFails"}',
        "truncatedAlerts": 0,
        "alerts": [
            {
                "status": status,
                "labels": {
                    "alertname": "SmtpProbeFails",
                    "instance": "mx",
                    "service": "exchange",
                    "severity": "critical",
                },
                "annotations": {"summary": "The MX host takes no mail"},
                "startsAt": "2026-01-22T19:02:11.387Z",
                "endsAt": "2026-01-22T21:12:11.387Z" if status == "resolved" else "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus:9090/graph?g0.expr=probe_success",
                "fingerprint": "0c8d6b1d2a2f4f6e",
            }
        ],
    }


def _grafana(status: str) -> dict:
    # https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
    return {
        "receiver": "My Super Webhook",
        "status": status,
        "orgId": 1,
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1"},
                "annotations": {
                    "description": "The system has high memory usage",
                    "runbook_url": "https://myrunbook.com/runbook/1234",
                    "summary": "This alert was triggered for zone us-1",
                },
                "startsAt": "2021-10-12T09:51:03.157076+02:00",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit",
                "fingerprint": "c6eadffa33fcdf37",
                "silenceURL": "https://play.grafana.org/alerting/silence/new",
                "dashboardURL": "",
                "panelURL": "",
                "values": {"B": 44.23943737541908, "C": 1},
            }
        ],
        "groupLabels": {},
        "commonLabels": {"team": "blue"},
        "commonAnnotations": {},
        "externalURL": "https://play.grafana.org/",
        "version": "1",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "title": "[FIRING:1]  (blue)",
        "state": "alerting" if status == "firing" else "ok",
        "message": "**Firing**",
    }


def _pagerduty(status: str) -> dict:
    # developer.pagerduty.com/docs/webhooks-overview: incident.triggered
    occurred = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return {
        "event": {
            "id": f"01EVENT{status.upper()}",
            "event_type": "incident.triggered" if status == "firing" else "incident.resolved",
            "resource_type": "incident",
            "occurred_at": occurred,
            "agent": {
                "html_url": "https://acme.pagerduty.com/users/PLH1HKV",
                "id": "PLH1HKV",
                "self": "https://api.pagerduty.com/users/PLH1HKV",
                "summary": "Tenex Engineer",
                "type": "user_reference",
            },
            "client": None,
            "data": {
                "id": "PGR0VU2",
                "type": "incident",
                "self": "https://api.pagerduty.com/incidents/PGR0VU2",
                "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
                "number": 2,
                "status": "triggered",
                "incident_key": "d3640fbd41094207a1c11e58e46b1662",
                "created_at": "2020-04-09T15:16:27Z",
                "title": "A little bump in the road",
                "service": {
                    "html_url": "https://acme.pagerduty.com/services/PF9KMXH",
                    "id": "PF9KMXH",
                    "self": "https://api.pagerduty.com/services/PF9KMXH",
                    "summary": "API Service",
                    "type": "service_reference",
                },
                "assignees": [],
                "escalation_policy": {"id": "PUS0KTE", "summary": "Default"},
                "teams": [],
                "priority": {"id": "PSO75BM", "summary": "P1"},
                "urgency": "high",
                "conference_bridge": None,
                "resolve_reason": None,
            },
        }
    }


def _datadog(status: str) -> dict:
    # docs.datadoghq.com/integrations/webhooks: variables, in the body that our page gives
    return {
        "alert_id": "1234",
        "cycle": "1614168000000-7",
        "aggregate": "9bd4ac313a4d1e8fae2482df7b77628",
        "transition": "Triggered" if status == "firing" else "Recovered",
        "title": "[Triggered] [Smtp check]",
        "scope": "host:mx,service:exchange",
        "tags": "monitor,service:exchange,env:prod",
        "date": "1614168000000",
        "link": "https://app.datadoghq.com/event/event?id=123456",
    }


def _azure(status: str) -> dict:
    # learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema: sample
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": {
                "alertId": "/subscriptions/11111111-1111-1111-1111-111111111111/providers/"
                "Microsoft.AlertsManagement/alerts/12345678-1234-1234-1234-1234567890ab",
                "alertRule": "test-metricAlertRule",
                "targetResourceType": "microsoft.compute/virtualmachines",
                "alertTargetIDs": [
                    "/subscriptions/11111111/resourcegroups/test-RG/providers/microsoft.compute/virtualmachines/test-VM"
                ],
                "configurationItems": ["test-VM"],
                "originAlertId": "11111111-1111_test-RG_microsoft.insights_"
                "metricAlerts_test-metricAlertRule_1234567890",
                "firedDateTime": "2019-03-22T13:58:24.3713213Z",
                "resolvedDateTime": "2019-03-22T14:03:16.2246313Z",
                "severity": "Sev3",
                "signalType": "Metric",
                "monitorCondition": "Fired" if status == "firing" else "Resolved",
                "monitoringService": "Platform",
                "description": "",
                "essentialsVersion": "1.0",
                "alertContextVersion": "1.0",
            },
            "alertContext": {"properties": None, "conditionType": "SingleResourceMultipleMetricCriteria"},
            "customProperties": {"Key1": "Value1"},
        },
    }


def _kuma(status: str) -> dict:
    # github.com/louislam/uptime-kuma: server/notification-providers/webhook.js sends {heartbeat, monitor, msg}
    down = status == "firing"
    return {
        "heartbeat": {
            "monitorID": 7,
            "status": 0 if down else 1,
            "time": "2024-05-01 10:20:30.123",
            "msg": "connect ECONNREFUSED" if down else "200 - OK",
            "important": True,
            "duration": 60,
            "timezone": "UTC",
            "timezoneOffset": "+00:00",
            "localDateTime": "2024-05-01 10:20:30",
        },
        "monitor": {
            "id": 7,
            "name": "MX",
            "description": None,
            "pathName": "MX",
            "url": "https://",
            "hostname": "mx.example.com",
            "port": 25,
            "maxretries": 1,
            "weight": 2000,
            "active": True,
            "type": "port",
            "interval": 60,
            "tags": [],
            "childrenIDs": [],
        },
        "msg": "[MX] [Down] connect ECONNREFUSED",
    }


def _gatus(status: str) -> dict:
    # github.com/TwiN/gatus#configuring-custom-alerts: placeholders, in the body that our page gives
    return {
        "endpoint": "mx",
        "group": "mail",
        "url": "tcp://mx.example.com:25",
        "state": "triggered" if status == "firing" else "resolved",
        "description": "the MX host does not answer",
    }


def _icinga(status: str) -> dict:
    # icinga.com/docs/icinga-2/latest/doc/03-monitoring-basics: runtime macros, in the body that our page gives
    down = status == "firing"
    return {
        "host": "mx",
        "service": "smtp",
        "state": "CRITICAL" if down else "OK",
        "type": "PROBLEM" if down else "RECOVERY",
        "output": "connect to address 192.0.2.1 and port 25: Connection refused",
        "since": "1714558830.52" if down else "1714562430.11",
    }


def _zabbix(status: str) -> dict:
    # zabbix.com/documentation: webhook media type, macros supported in notifications, in the body that our page gives
    return {
        "event_id": "4711",
        "value": "1" if status == "firing" else "0",
        "update": "0",
        "name": "SMTP service is down on mx",
        "severity": "High",
        "host": "mx",
        "tags": [{"tag": "service", "value": "exchange"}],
    }


def _github(status: str) -> dict:
    # docs.github.com/webhooks/webhook-events-and-payloads#issues, shortened to what is read
    return {
        "action": "opened" if status == "firing" else "closed",
        "issue": {
            "number": 1347,
            "title": "Mail is down",
            "state": "open" if status == "firing" else "closed",
            "html_url": "https://github.com/octocat/Hello-World/issues/1347",
            "labels": [{"id": 208045946, "name": "outage", "color": "f29513"}],
        },
        "repository": {"id": 1296269, "full_name": "octocat/Hello-World"},
        "sender": {"login": "octocat"},
    }


def _standard(status: str) -> dict:
    # github.com/standard-webhooks/standard-webhooks: spec, payload structure
    return {
        "type": "service.down" if status == "firing" else "service.up",
        "timestamp": "2022-11-03T20:26:10.344522Z",
        "data": {"id": "mx-1", "title": "Inbound mail fails"},
    }


def _generic(status: str) -> dict:
    return {
        "check": {"name": "mx", "status": "down" if status == "firing" else "up", "message": "no answer"},
        "event": {"id": f"ev-{status}"},
    }


BODIES = {
    "alertmanager": _alertmanager,
    "grafana": _grafana,
    "pagerduty": _pagerduty,
    "datadog": _datadog,
    "azure-monitor": _azure,
    "uptime-kuma": _kuma,
    "gatus": _gatus,
    "icinga": _icinga,
    "zabbix": _zabbix,
    "github": _github,
    "standard-webhooks": _standard,
    "generic": _generic,
}
BEARER = {"bearer": ["file:key"]}
SETTINGS: dict[str, dict] = {
    "alertmanager": {"auth": BEARER},
    "grafana": {"auth": {"hmac": ["file:key"], "timestamp_header": "X-Grafana-Alerting-Timestamp"}},
    "pagerduty": {"auth": {"hmac": ["file:old", "file:key"]}},
    "datadog": {"auth": {"bearer": ["file:key"], "header": "X-Bcp-Token"}},
    "azure-monitor": {"auth": {"path": ["file:key"]}},
    "uptime-kuma": {"auth": BEARER},
    "gatus": {"auth": BEARER},
    "icinga": {"auth": {"basic": {"user": "icinga", "passwords": ["file:key"]}}},
    "zabbix": {"auth": BEARER},
    "github": {"auth": {"hmac": ["file:key"]}},
    "standard-webhooks": {"auth": {"hmac": ["file:whsec"]}},
    "generic": {
        "auth": {"hmac": ["file:key"]},
        "prefix": "sha256=",
        "fields": {"state": "check.status", "outage": "check.name", "title": "check.message", "identity": "event.id"},
    },
}


def signed(
    kind: str, raw: bytes, key: str = KEY, at: float | None = None, mark: str = "msg_1"
) -> tuple[str, dict[str, str]]:
    """Path suffix and headers with which this sender proves who it is."""
    moment = str(int(time.time() if at is None else at))

    def mac(data: bytes) -> str:
        return hmac.new(key.encode(), data, hashlib.sha256).hexdigest()

    if kind == "grafana":
        return "", {
            "X-Grafana-Alerting-Timestamp": moment,
            "X-Grafana-Alerting-Signature": mac(moment.encode() + b":" + raw),
        }
    if kind == "pagerduty":
        return "", {"X-PagerDuty-Signature": f"v1={'0' * 64},v1={mac(raw)}", "X-Webhook-Id": "PHOOK"}
    if kind == "datadog":
        return "", {"X-Bcp-Token": key}
    if kind == "azure-monitor":
        return f"/{key}", {}
    if kind == "icinga":
        return "", {"Authorization": "Basic " + base64.b64encode(f"icinga:{key}".encode()).decode()}
    if kind == "github":
        return "", {"X-Hub-Signature-256": f"sha256={mac(raw)}", "X-GitHub-Event": "issues", "X-GitHub-Delivery": mark}
    if kind == "standard-webhooks":
        secret = base64.b64decode(WHSEC.removeprefix("whsec_")) if key == KEY else key.encode()
        mark_ = base64.b64encode(hmac.new(secret, f"{mark}.{moment}.".encode() + raw, hashlib.sha256).digest()).decode()
        return "", {
            "webhook-id": mark,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{base64.b64encode(b'x' * 32).decode()} v1,{mark_}",
        }
    if kind == "generic":
        return "", {"X-Signature": f"sha256={mac(raw)}"}
    return "", {"Authorization": f"Bearer {key}"}


def body(kind: str, status: str) -> bytes:
    """The bytes."""
    return json.dumps(BODIES[kind](status)).encode()
