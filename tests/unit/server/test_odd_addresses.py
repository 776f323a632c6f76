"""Addresses that a stranger writes into a request and that are none: refused, and never a fault of ours."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from starlette.requests import Request

from bcp.server.console.login import _party, safe_next
from bcp.server.console.page import Site

SITE = SimpleNamespace(daemon=SimpleNamespace(settings=SimpleNamespace(public_url="")))


def request(**headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "scheme": "http", "path": "/", "server": ("127.0.0.1", 80), "headers": raw})


@pytest.mark.parametrize("text", ["//[", "http://[", "//[::1", "/\t/[", "/\t/evil.example", "//evil.example"])
def test_after_the_log_in_an_odd_address_leads_to_our_first_page(text) -> None:
    assert safe_next(text) == "/"


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//[", "null"])
def test_an_origin_that_cannot_be_read_is_foreign(origin) -> None:
    assert Site.foreign(SITE, request(origin=origin, host="127.0.0.1"))
    assert not Site.foreign(SITE, request(origin="http://127.0.0.1", host="127.0.0.1"))


@pytest.mark.parametrize("host", ["[", "[::1"])
def test_a_host_that_cannot_be_read_has_no_passkeys(host) -> None:
    assert _party(SITE, request(host=host)) == ("localhost", "")
    assert _party(SITE, request(host="a.example")) == ("a.example", "http://a.example")
