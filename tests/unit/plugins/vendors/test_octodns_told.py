"""What an exception of a provider means: a table, and nothing unknown is ever called unsent."""

from __future__ import annotations

import logging

import pytest
from unit.plugins.dns.octo_provider import SHELVES, HTTPError, Shelf

from bcp.contracts.dns import SentState, Trouble
from bcp.kernel.errors import Invalid
from bcp.kernel.secret import Secret
from bcp.plugins.vendors.octodns_class import DELETES_FIRST, deletes_first, make_provider, rewrites_zone
from bcp.plugins.vendors.octodns_told import fault_of
from bcp.plugins.vendors.octodns_zone import candidates, relative


def kind(name: str, *above: type[Exception]) -> Exception:
    """An exception of a class of this name, as some library may have it."""
    return type(name, above or (Exception,), {})("what it says")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


TABLE = [
    (HTTPError(401), SentState.REFUSED, Trouble.NOT_ALLOWED, "permission"),
    (HTTPError(403), SentState.REFUSED, Trouble.NOT_ALLOWED, "permission"),
    (HTTPError(404), SentState.REFUSED, Trouble.ERROR, "404"),
    (HTTPError(422), SentState.REFUSED, Trouble.ERROR, "422"),
    (HTTPError(500), SentState.LOST, Trouble.SILENT, "server"),
    (HTTPError(429), SentState.THROTTLED, Trouble.SILENT, "throttled"),
    (kind("JSONDecodeError", ValueError), SentState.LOST, Trouble.SILENT, "server"),
    (kind("RdataParseError", ValueError), SentState.LOST, Trouble.ERROR, "unreadable"),
    (kind("JSONDecodeError", OSError), SentState.LOST, Trouble.SILENT, "server"),
    (kind("PeerBadTime"), SentState.REFUSED, Trouble.NOT_ALLOWED, "clock"),
    (kind("PeerBadKey"), SentState.REFUSED, Trouble.NOT_ALLOWED, "permission"),
    (kind("DigitalOceanClientUnauthorized"), SentState.REFUSED, Trouble.NOT_ALLOWED, "permission"),
    (kind("Rfc2136ProviderUpdateFailed"), SentState.REFUSED, Trouble.ERROR, "refused"),
    (kind("AxfrSourceZoneTransferFailed"), SentState.REFUSED, Trouble.ERROR, "refused"),
    (caused(kind("AxfrSourceZoneTransferFailed"), kind("Timeout")), SentState.LOST, Trouble.SILENT, "lost"),
    (kind("ConnectTimeout"), SentState.NOT_SENT, Trouble.UNREACHABLE, "unreachable"),
    (ConnectionRefusedError("no"), SentState.NOT_SENT, Trouble.UNREACHABLE, "unreachable"),
    (ConnectionResetError("reset"), SentState.LOST, Trouble.UNREACHABLE, "lost"),
    (kind("ReadTimeout"), SentState.LOST, Trouble.SILENT, "lost"),
    (KeyError("records"), SentState.LOST, Trouble.ERROR, "lost"),
    (Invalid("the environment variable X is not set"), SentState.REFUSED, Trouble.ERROR, "credential"),
]


@pytest.mark.parametrize(("error", "state", "trouble", "code"), TABLE, ids=lambda v: getattr(type(v), "__name__", v))
def test_the_table(error, state, trouble, code) -> None:
    told = fault_of(error)
    assert (told.state, told.trouble, told.code) == (state, trouble, code) and told.message


@pytest.mark.parametrize(
    ("said", "wait"), [("7", 7.0), ("9999", 3600.0), ("-3", 0.0), ("soon", 5.0), (None, 5.0), ("nan", 0.0)]
)
def test_not_now_says_for_how_long_within_reason(said, wait) -> None:
    told = fault_of(HTTPError(429, **({} if said is None else {"Retry-After": said})))
    assert told.state is SentState.THROTTLED and told.wait_s == wait


def test_not_now_may_name_a_date_of_the_hosts_own_clock() -> None:
    """RFC 9110 section 10.2.3; names of headers are the same in any letters."""
    said = {"retry-after": "Fri, 27 Nov 2026 23:00:07 GMT", "date": "Fri, 27 Nov 2026 23:00:00 GMT"}
    assert fault_of(HTTPError(429, **said)).wait_s == 7.0


@pytest.mark.parametrize("package", sorted(DELETES_FIRST))
def test_known_packages_delete_first_whatever_their_source_looks_like(package) -> None:
    made = type("Provider", (), {"__module__": f"{package}.sub", "_apply": lambda self, plan: None})
    assert deletes_first(made) and not rewrites_zone(made)


def test_classes_of_the_installed_packages_are_not_refused() -> None:
    from octodns_bind import Rfc2136Provider
    from octodns_powerdns import PowerDnsProvider

    for made in (Rfc2136Provider, PowerDnsProvider):
        assert not deletes_first(made) and not rewrites_zone(made)


def test_zones_that_a_name_may_be_in() -> None:
    assert candidates("a.b.one.test") == ["a.b.one.test", "b.one.test", "one.test"]
    assert candidates("a.one.test", "one.test") == ["one.test"]
    assert relative("one.test", "one.test") == "" and relative("a.b.one.test", "one.test") == "a.b"


def test_what_a_provider_says_of_its_key_is_not_told_on(monkeypatch) -> None:
    monkeypatch.setattr("bcp.kernel.secret._known", {})
    monkeypatch.setenv("KEY", "pdns-key-0123456789")
    key = Secret("env:KEY").reveal()
    told = fault_of(RuntimeError(f"GET /?api_key={key} failed"))
    assert key not in told.message and "failed" in told.message


def test_a_provider_logs_nothing_below_a_warning(monkeypatch) -> None:
    """At debug level providers log what they send, their key in it."""
    monkeypatch.setitem(SHELVES, "quiet", Shelf())
    made = make_provider("unit.plugins.dns.octo_provider.MemoryProvider", "quiet", {"shelf": "quiet"})
    assert made.log.level == logging.WARNING
