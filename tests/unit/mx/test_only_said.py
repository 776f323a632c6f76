"""A host that says that it moved an MX which no server serves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from unit.mx.worlds import DOMAIN, PRIMARY, RELAY

from bcp.contracts.dns import Answer, ByHand, Capabilities, Domain, Guard
from bcp.mx.converge import compare, only_said

SERVES_OLD = Answer(DOMAIN, "192.0.2.1", PRIMARY)
SERVES_NEW = Answer(DOMAIN, "192.0.2.2", RELAY)
SILENT = Answer(DOMAIN, "192.0.2.3", None, problem="no answer")


@pytest.mark.parametrize(
    ("answers", "nowhere"),
    [
        ([SERVES_OLD], (DOMAIN,)),
        ([SERVES_OLD, SILENT], (DOMAIN,)),
        ([SERVES_OLD, SERVES_NEW], ()),  # some are late
        ([SERVES_NEW], ()),
        ([SILENT], ()),  # who is silent has not said that it serves the old one
        ([], ()),
    ],
)
def test_served_nowhere(answers, nowhere) -> None:
    assert compare(answers, {DOMAIN: RELAY}).nowhere == nowhere


@pytest.mark.parametrize(
    ("promises", "doubted"),
    [
        ({"guard": Guard.NONE}, True),
        ({"guard": Guard.WEAK}, False),
        ({"guard": Guard.STRONG}, False),
        ({"guard": Guard.NONE, "by_hand": ByHand((), (), str)}, False),
    ],
)
def test_only_where_nothing_but_the_host_itself_says_so_it_is_in_doubt(promises, doubted) -> None:
    """A host with a condition has compared what stands there; its servers may be late."""
    host = SimpleNamespace(capabilities=Capabilities(**promises))
    services = SimpleNamespace(domains={DOMAIN: Domain(DOMAIN, "main", PRIMARY)}, dns={"main": host})
    said = only_said(compare([SERVES_OLD], {DOMAIN: RELAY}), services)
    assert bool(said) is doubted and (not doubted or "192.0.2.1 serves" in said)
    assert only_said(compare([SERVES_OLD, SERVES_NEW], {DOMAIN: RELAY}), services) == ""
