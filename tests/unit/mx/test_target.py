"""Which MX a domain should have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.mx.worlds import DOMAIN, OTHER, PRIMARY, RELAY

from bcp.contracts.action import Refusal
from bcp.contracts.dns import Capabilities, MxHost, MxSet
from bcp.mx.target import Known, Wish, relay_hosts, target

HOSTS = RELAY.hosts


def test_a_switch_publishes_the_relay_alone_with_a_short_ttl() -> None:
    """A primary of any preference that is broken but alive would still get mail."""
    assert target(Wish("relay", relay=HOSTS), Known(DOMAIN, PRIMARY)) == RELAY
    assert target(Wish("relay", ttl_s=60, relay=HOSTS), Known(DOMAIN, PRIMARY)).ttl_s == 60


@pytest.mark.parametrize(("low", "high", "ttl"), [(0, 604_800, 300), (3600, 86_400, 3600), (0, 120, 120)])
def test_the_ttl_that_nobody_chose_fits_the_host(low, high, ttl) -> None:
    """deSEC takes nothing below an hour; a default must not refuse the switch there."""
    known = Known(DOMAIN, PRIMARY, host=Capabilities(min_ttl_s=low, max_ttl_s=high))
    assert target(Wish("relay", relay=HOSTS), known).ttl_s == ttl
    assert target(Wish("relay", ttl_s=7, relay=HOSTS), known).ttl_s == 7  # what somebody chose is judged, not changed


@pytest.mark.parametrize(
    ("to", "primary", "recorded", "wanted"),
    [
        ("before", PRIMARY, OTHER, OTHER),
        ("before", None, OTHER, OTHER),
        ("before", PRIMARY, None, PRIMARY),
        ("primary", PRIMARY, OTHER, PRIMARY),
    ],
)
def test_the_way_back_is_what_was_recorded_else_the_primary(to, primary, recorded, wanted) -> None:
    wish = Wish(to)
    assert wish.back and target(wish, Known(DOMAIN, RELAY, primary, recorded)) == wanted
    assert target(Wish(to, ttl_s=60), Known(DOMAIN, RELAY, primary, recorded)) == MxSet(wanted.hosts, 60)


@pytest.mark.parametrize(("to", "recorded"), [("before", None), ("primary", None), ("primary", OTHER)])
def test_without_anything_known_there_is_no_way_back(to, recorded) -> None:
    found = target(Wish(to), Known(DOMAIN, RELAY, None, recorded))
    assert isinstance(found, Refusal) and found.rule == "dns.no-way-back" and DOMAIN in found.message and found.hint


@pytest.mark.parametrize(
    ("hosts", "wanted"),
    [
        ([(0, "mx.test."), (0, "relay.out.test.")], [(0, "mx.test.")]),  # old and new records side by side
        ([(20, "mx.test."), (10, "relay.out.test.")], [(20, "mx.test.")]),
        ([(0, "mx.test."), (10, "relay.out.test.")], [(0, "mx.test."), (10, "relay.out.test.")]),  # behind it, as meant
        ([(10, "relay.out.test.")], PRIMARY.hosts),  # it was at the relay already when the run began
    ],
)
def test_the_way_back_never_leads_to_the_relay(hosts, wanted) -> None:
    """A set that was recorded while a relay had a share of the mail is not what to go back to."""
    recorded = MxSet(tuple(MxHost(p, h) for p, h in hosts), 300)
    known = Known(DOMAIN, RELAY, PRIMARY, recorded, relays=frozenset({"relay.out.test."}))
    assert target(Wish("before"), known).hosts == tuple(h if isinstance(h, MxHost) else MxHost(*h) for h in wanted)


def test_standing_puts_the_relay_behind_the_primary() -> None:
    found = target(Wish("relay", "standing", relay=HOSTS), Known(DOMAIN, OTHER, PRIMARY))
    assert found == MxSet((*PRIMARY.hosts, MxHost(10, "relay.out.test.")), 300)
    far = target(Wish("relay", "standing", relay=(MxHost(500, "relay.out.test."),)), Known(DOMAIN, OTHER, PRIMARY))
    assert far.hosts[-1].preference == 500
    now = target(Wish("relay", "standing", relay=HOSTS), Known(DOMAIN, MxSet((MxHost(30, "a.test."), *HOSTS), 60)))
    assert now.hosts == (MxHost(30, "a.test."), MxHost(40, "relay.out.test."))


def test_standing_behind_nothing_is_refused() -> None:
    found = target(Wish("relay", "standing", relay=HOSTS), Known(DOMAIN, RELAY))
    assert isinstance(found, Refusal) and found.rule == "dns.no-primary" and DOMAIN in found.message


@pytest.mark.parametrize(
    ("relays", "to", "name", "found"),
    [
        ({"a": HOSTS}, "relay", "", HOSTS),
        ({"a": HOSTS, "b": OTHER.hosts}, "relay", "b", OTHER.hosts),
        ({"a": HOSTS, "b": OTHER.hosts}, "b", "", OTHER.hosts),
        ({"a": HOSTS, "b": OTHER.hosts}, "a", "b", OTHER.hosts),
        ({"a": HOSTS, "b": OTHER.hosts}, "relay", "", ""),
        ({"a": HOSTS}, "relay", "c", "c"),
        ({"a": HOSTS}, "c", "", "c"),
        ({}, "relay", "", ""),
    ],
)
def test_which_relay_is_meant(relays, to, name, found) -> None:
    """Named, or the only one; what was asked for in vain is told."""
    assert relay_hosts(relays, to, name) == found


hosts = st.lists(
    st.builds(MxHost, st.integers(0, 65535), st.sampled_from(["a.test.", "b.test.", "relay.out.test."])),
    min_size=1,
    max_size=4,
).map(tuple)
sets = st.builds(MxSet, hosts, st.integers(0, 90_000))


@given(
    st.sampled_from(["relay", "before", "primary"]),
    st.sampled_from(["switch", "standing"]),
    sets,
    st.none() | sets,
    st.none() | sets,
    hosts,
)
def test_no_target_is_ever_empty(to, mode, now, primary, recorded, relay) -> None:
    found = target(Wish(to, mode, None, relay), Known(DOMAIN, now, primary, recorded))
    assert isinstance(found, Refusal) or found.hosts
