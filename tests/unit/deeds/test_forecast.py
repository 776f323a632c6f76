"""How long an outage would last, as a check: from what the hosts have now, else from peacetime."""

from __future__ import annotations

import asyncio

from bcp.contracts.dns import MxHost, MxSet, Reading, Trouble
from bcp.deeds import forecast
from bcp.kernel.errors import Permanent
from bcp.reports.model import report_data
from deeds.house import MOVED


class Dns:
    """A host that says this."""

    def __init__(self, found: Reading | Exception, wait_s: float = 0.0) -> None:
        from bcp.contracts.dns import Capabilities

        self.found, self.wait_s, self.capabilities = found, wait_s, Capabilities()

    async def read(self, domains):
        await asyncio.sleep(self.wait_s)
        if isinstance(self.found, Exception):
            raise self.found
        return [self.found for _ in domains]


def told(house, found, wait_s: float = 0.0, timeout_s: float = 10.0):
    house.app.world.__dict__["dns"] = {"main": Dns(found, wait_s)}
    return house.do(forecast.now(house.app, timeout_s))


def here(ttl: int, host: str = "primary.test.") -> Reading:
    return Reading("corp.test", "corp.test", MxSet((MxHost(0, host),), ttl))


def test_the_ttl_that_stands_there_counts(house) -> None:
    assert told(house, here(86_400)).parts.ttl_s == 86_400


def test_what_cannot_be_read_is_taken_from_peacetime(house) -> None:
    """bcp.yaml names a primary, with 3,600 s where it says nothing else."""
    silent = Reading("corp.test", "", None, problem="silent", trouble=Trouble.SILENT)
    for found in (silent, Permanent("no")):
        assert told(house, found).parts.ttl_s == 3600
    assert told(house, here(60), wait_s=5, timeout_s=0.02).parts.ttl_s == 3600


def test_while_the_relay_is_published_its_ttl_says_nothing_about_peace(house) -> None:
    assert told(house, here(60, "relay.test.")).parts.ttl_s == 3600


def test_a_long_one_is_a_warning_with_what_to_do(house) -> None:
    house.app.world.__dict__["dns"] = {"main": Dns(here(86_400))}
    check = house.do(forecast.readiness(house.app))
    assert check.state == "warn" and check.subject == "forecast"
    assert check.message.startswith("The first mail would be at the relay ") and "95 %" in check.message
    assert "a TTL of 5m" in check.hint and "sooner" in check.hint


def test_where_no_mx_is_moved_there_is_none(house) -> None:
    house.app.world.__dict__["domains"] = {}
    assert house.do(forecast.readiness(house.app)) is None


def test_a_report_has_the_forecast_beside_what_was_achieved(house) -> None:
    run = house.holding()
    found = told(house, here(3600))
    data = report_data(house.runs.view(run), organisation="Corp", forecast=found)
    assert data["forecast"]["first_s"] == found.first_s
    assert data["forecast"]["said"][0].startswith("the first mail")
    assert report_data(house.runs.view(run), organisation="Corp")["forecast"] is None


def test_a_run_is_compared_with_the_forecast_of_its_own_plan(house) -> None:
    """What was expected when it was planned: the TTL that the plan found, approvals of the runs before it."""
    run = house.holding()
    plan = dict(house.runs.view(run).plan)
    plan["steps"] = [{**s, "outputs": MOVED} if s["id"] == "mx" else s for s in plan["steps"]]
    house.app.world.__dict__["dns"] = {"main": Dns(here(60))}
    found = house.app.running.forecast_of(plan)
    assert found is not None and found.parts.ttl_s == 3600 and found.approvals == 0
    assert found.parts.approval_s == house.app.settings.plan.approval
    assert house.app.running.forecast_of({**plan, "parent": "run-0"}) is None, "a way back has none"
    assert house.app.running.forecast_of(dict(house.runs.view(run).plan)) is None, "nothing is moved"
