"""A body with very many alerts: each is taken, or the answer counts it."""

from __future__ import annotations

from bcp.contracts.hook import Received
from bcp.plugins.triggers.generic import Generic, GenericSettings


def test_no_alert_of_a_long_body_is_left_out_unsaid() -> None:
    settings = GenericSettings.model_validate(
        {"each": "alerts", "fields": {"state": "s", "outage": "o"}, "auth": {"bearer": ["env:BCP_MANY"]}}
    )
    body = {"alerts": [{"s": "firing", "o": f"disk {n}"} for n in range(1_200)]}
    found = Generic("many", settings).alerts(body, Received(b"", {}, 0.0))
    assert [a.outage for a in found] == [f"disk {n}" for n in range(1_200)]
