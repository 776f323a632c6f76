"""``serve:``: whom the daemon believes, and how it is reached."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from unit.deeds.house import CONFIG

from bcp.contracts.hook import JwtAuth, ProxyAuth
from bcp.kernel.errors import Invalid
from bcp.settings import load
from bcp.settings.serve import OidcSettings, ServeSettings


def test_proxies_are_addresses_or_networks() -> None:
    found = ServeSettings(proxies=["127.0.0.1", "10.0.0.0/8", "2001:DB8::/32"])
    assert found.proxies == ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]


def test_a_proxy_that_would_never_match_is_refused_where_it_stands(tmp_path) -> None:
    file = tmp_path / "bcp.yaml"
    file.write_text(CONFIG + "serve:\n  proxies:\n    - 10.0.0.0/8\n    - proxy.internal\n")
    with pytest.raises(Invalid) as caught:
        load(file)
    (problem,) = caught.value.problems
    line = file.read_text().splitlines().index("    - proxy.internal") + 1
    assert (problem.line, problem.column) == (line, 7)
    assert "'proxy.internal' is neither an address nor a network" in problem.message


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.evil.example", "http://localhost.evil.example", "http://bcp.example.org",
        "https://127.0.0.1@evil.example", "https://bcp.example.org\\.evil.example",
    ],
)  # fmt: skip
def test_an_address_for_approvals_is_https_or_of_this_machine(url) -> None:
    with pytest.raises(ValidationError):
        ServeSettings(public_url=url)


@pytest.mark.parametrize("url", ["", "https://bcp.example.org/x", "http://127.0.0.1:8080", "http://[::1]:8080"])
def test_addresses_that_may_be_used(url) -> None:
    assert ServeSettings(public_url=url).public_url == url


def test_nobody_on_the_way_alters_what_vouches_for_people() -> None:
    """Keys and discovery in the clear: whoever alters them is anybody."""
    for url in ("http://login.example", "http://127.0.0.1.evil.example", "login.example"):
        with pytest.raises(ValidationError):
            OidcSettings(issuer=url, client_id="bcp", client_secret="env:X")
    for url in ("http://login.example/keys", "http://localhost.evil.example/keys"):
        with pytest.raises(ValidationError):
            JwtAuth(issuer="x", audience="y", keys=url)
    assert JwtAuth(issuer="x", audience="y", keys="keys.json").keys == "keys.json"
    with pytest.raises(ValidationError, match="every address"):
        ProxyAuth.model_validate({"from": ["0.0.0.0/0"], "subjects": ["CN=x"]})
