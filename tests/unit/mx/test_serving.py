"""Who serves what, and when the last cache is clean: pure, with numbers by hand."""

from __future__ import annotations

from unit.mx.worlds import DOMAIN, NOW, OTHER, PRIMARY, RELAY

from bcp.contracts.dns import MxSet
from bcp.mx.serving import Now, Served, next_look

WANTED = {DOMAIN: RELAY}


def source(mx: MxSet | None, where: str = "192.0.2.1", problem: str = "") -> Served:
    return Served(DOMAIN, where, False, mx, problem, NOW)


def cache(mx: MxSet | None, left: int = 0, where: str = "public", problem: str = "", at: float = NOW) -> Served:
    given = MxSet(mx.hosts, left) if mx is not None else None
    return Served(DOMAIN, where, True, given, problem, at)


def test_new_old_and_silent() -> None:
    now = Now((source(RELAY), source(PRIMARY), source(None), source(None, problem="down")), WANTED)
    assert [now.state(s) for s in now.served] == ["new", "old", "old", "silent"]
    assert now.count(cached=False) == (1, 4) and now.count(cached=True) == (0, 0)


def test_it_is_done_when_all_serve_the_target_and_no_server_is_silent() -> None:
    assert Now((source(RELAY), cache(RELAY, 7)), WANTED).done
    assert Now((source(RELAY), cache(None, problem="down")), WANTED).done, "a resolver keeps nobody waiting"
    assert not Now((source(RELAY), source(None, problem="down")), WANTED).done
    assert not Now((source(RELAY), cache(PRIMARY, 7)), WANTED).done
    assert not Now((), WANTED).done, "nobody was asked"


def test_before_the_servers_have_it_no_cache_can_be_clean() -> None:
    now = next_look(None, [source(PRIMARY), cache(PRIMARY, 1200)], WANTED, NOW)
    assert now.clean_at() is None and now.switched_at == 0 and now.old_ttl_s == 3600


def test_clean_is_the_switch_and_the_old_ttl_as_it_was_served() -> None:
    """Seen at 0 with a TTL of 3,600; switched at 100: clean at 3,700, whatever one resolver has left."""
    first = next_look(None, [source(PRIMARY), cache(PRIMARY, 1200)], WANTED, NOW)
    second = next_look(first, [source(RELAY), cache(PRIMARY, 1100)], WANTED, NOW + 100)
    third = next_look(second, [source(RELAY), cache(PRIMARY, 1000)], WANTED, NOW + 200)
    assert (second.switched_at, third.switched_at) == (NOW + 100, NOW + 100)
    assert second.clean_at() == third.clean_at() == NOW + 3700


def test_a_cache_that_holds_it_longer_counts() -> None:
    """A resolver that raises short TTLs: 7,200 s are left at 200."""
    first = next_look(None, [source(OTHER)], WANTED, NOW)
    late = cache(OTHER, 7200, at=NOW + 200)
    second = next_look(first, [source(RELAY), late], WANTED, NOW + 200)
    assert second.clean_at() == NOW + 200 + 7200


def test_a_watch_that_begins_after_the_switch_knows_what_the_caches_show() -> None:
    now = next_look(None, [source(RELAY), cache(PRIMARY, 500)], WANTED, NOW)
    assert now.clean_at() == NOW + 500


def test_a_server_that_falls_back_begins_anew() -> None:
    first = next_look(None, [source(RELAY)], WANTED, NOW)
    second = next_look(first, [source(PRIMARY)], WANTED, NOW + 10)
    third = next_look(second, [source(RELAY)], WANTED, NOW + 20)
    assert second.switched_at == 0 and third.switched_at == NOW + 20


def test_what_says_nothing_has_no_time() -> None:
    for one in (source(PRIMARY), cache(None), cache(PRIMARY, 5, problem="odd"), cache(RELAY, 5)):
        assert one.clean_at(RELAY) is None
