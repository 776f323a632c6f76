"""Where mail goes: a fixed host for each domain, never the relay itself."""

from __future__ import annotations

import pytest

from bcp.kernel.errors import Invalid
from bcp.relay_kit.facts import Hop, hops_of

NONE: dict[str, list[str]] = {}


def test_what_is_named_wins_over_what_was_recorded_and_that_over_primary() -> None:
    found = hops_of(
        ["a.test", "b.test", "c.test"],
        ["relay.test."],
        {"a.test": "named.test"},
        {"a.test": ["graph.test."], "b.test": ["Graph.test.", "other.test."]},
        {"a.test": ["p.test."], "b.test": ["p.test."], "c.test": ["p.test."]},
    )
    assert found == (
        Hop("a.test", "named.test", "bcp.yaml"),
        Hop("b.test", "graph.test", "snapshot"),
        Hop("c.test", "p.test", "primary"),
    )


def test_a_domain_whose_exchange_is_not_known_is_refused() -> None:
    with pytest.raises(Invalid) as no:
        hops_of(["a.test"], ["relay.test."], {}, NONE, {"a.test": []})
    assert no.value.rule == "relay.no-next-hop" and "a.test" in no.value.message


@pytest.mark.parametrize("host", ["relay.test", "RELAY.test.", "second.test."])
def test_a_relay_that_would_send_to_itself_is_refused(host) -> None:
    """Whoever said so: a snapshot that was taken while MX stood on the relay says it, too."""
    with pytest.raises(Invalid) as no:
        hops_of(["a.test"], ["relay.test.", "second.test."], {}, {"a.test": [host]}, NONE)
    assert no.value.rule == "relay.next-hop-loops"
