"""Groups of alerts as Alertmanager sends them, and Grafana after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.contracts.hook import Alert, mapping, needed, text_of
from bcp.kernel.errors import Invalid

MOST = 1000


def grouped(body: Any, link: str = "generatorURL") -> list[Alert]:
    """Each alert judged alone: a firing group may hold resolved ones. Raises ``Invalid``.

    These senders repeat the state of an alert and give a message no id. So an alert has no identity: it is news when
    its state is another one than before, also when it fires again with the ``startsAt`` it had before its end. What
    ties the two ends together is the fingerprint of its labels alone: the key of its group changes with the sender's
    configuration.
    """
    top = mapping(body, "the body")
    found = top.get("alerts")
    if not isinstance(found, list):
        raise Invalid("the body has no list of alerts", hint="Is this the sender that the hook's kind says?")
    return [_alert(mapping(a, "an alert"), link) for a in found[:MOST]]


def _alert(alert: Mapping[str, Any], link: str) -> Alert:
    labels = mapping(alert.get("labels") or {}, "labels")
    notes = mapping(alert.get("annotations") or {}, "annotations")
    status = needed(alert, "status")
    if status not in {"firing", "resolved"}:
        raise Invalid(f"an alert has the status {status[:40]!r}", hint="firing or resolved")
    started = text_of(alert.get("startsAt"))
    mark = text_of(alert.get("fingerprint")) or repr(sorted((str(k), str(v)) for k, v in labels.items()))[:300]
    name = text_of(labels.get("alertname")) or "alert"
    title = text_of(notes.get("summary")) or name
    url = text_of(alert.get(link) or alert.get("generatorURL"), 500)
    return Alert("", mark, status == "firing", title, started, dict(labels), url)
