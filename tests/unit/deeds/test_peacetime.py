"""A snapshot of peacetime: what can be read is kept, what cannot is listed, and nothing ends it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.directory import MailRecord
from bcp.contracts.dns import Domain, HostFacts, MxHost, MxSet, Reading, StsPolicy
from bcp.contracts.relay import RelayProbe
from bcp.deeds import peacetime
from bcp.kernel.errors import Permanent, Transient
from bcp.testing.clock import FakeClock

MX = MxSet((MxHost(0, "primary.test."),), 3600)


@dataclass
class Host:
    """A DNS host that answers this; an error in the place of an answer is raised."""

    mx: Any = MX
    texts: Any = field(default_factory=lambda: {"corp.test": ("v=spf1 -all", "other"), "_dmarc.corp.test": ()})
    policy: Any = field(default_factory=StsPolicy)
    tlsa_: Any = ("3 1 1 aa",)
    asked: list[str] = field(default_factory=list)

    def _or_raise(self, what: str, value: Any) -> Any:
        self.asked.append(what)
        if isinstance(value, Exception):
            raise value
        return value

    async def read(self, domains: list[str]) -> list[Reading]:
        mx = self._or_raise("mx", self.mx)
        return [Reading(domains[0], domains[0], mx, problem="" if mx else "REFUSED")]

    async def text(self, name: str) -> tuple[str, ...]:
        return self._or_raise("text", self.texts)[name]

    async def mta_sts(self, domain: str) -> StsPolicy:
        return self._or_raise("sts", self.policy)

    async def tlsa(self, host: str) -> tuple[str, ...]:
        return self._or_raise("tlsa", self.tlsa_)

    async def look_up(self, host: str) -> HostFacts:
        return HostFacts(host, ("192.0.2.2", "192.0.2.1"))


class Station:
    """A relay whose addresses answer in turn."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture(autouse=True)
def servers(monkeypatch) -> list[Any]:
    """Name servers of every zone."""
    answers: list[Any] = [["ns1.test"]]

    async def names(domain: str, resolvers: Any, timeout_s: float) -> Any:
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]

    monkeypatch.setattr(peacetime, "names_of_servers", names)
    return answers


def take(host: Host, *, relay: Station | None = None, source: Any = None) -> Any:
    world = SimpleNamespace(
        dns={"main": host},
        domains={"corp.test": Domain("corp.test", "main")},
        relays={"mx-backup": relay or Station([RelayProbe("192.0.2.9", True, tls="ok", spki_sha256="aa")])},
        source=source,
    )
    settings = SimpleNamespace(canary=SimpleNamespace(resolvers=[]))
    app = SimpleNamespace(world=world, settings=settings, clock=FakeClock())
    return asyncio.run(peacetime.take(app))


def test_everything_that_an_outage_hides_is_read() -> None:
    found = take(Host(policy=StsPolicy(True, "enforce", ("*.test",), 86_400, record="v=STSv1; id=1")))
    assert found.unreadable == () and found.health == {}
    assert found.domains["corp.test"] == {
        "mx": MX.to_data(),
        "ns": ["ns1.test"],
        "spf": ["v=spf1 -all"],
        "dmarc": [],
        "mta_sts": {"record": "v=STSv1; id=1", "mode": "enforce", "mx": ["*.test"]},
        "tlsa": {"primary.test.": ["3 1 1 aa"]},
        "addresses": {"primary.test.": ["192.0.2.1", "192.0.2.2"]},
    }
    assert found.relays["mx-backup"]["probe"]["192.0.2.9"] == {"accepts": True, "tls": "ok", "spki_sha256": "aa"}


@pytest.mark.parametrize("trouble", [Transient("busy"), Permanent("refused"), TimeoutError(), OSError(), ValueError()])
def test_what_cannot_be_read_is_listed_and_asked_for_twice(trouble) -> None:
    host = Host(tlsa_=trouble)
    found = take(host)
    assert found.unreadable == ("corp.test tlsa",) and host.asked.count("tlsa") == 2
    assert found.domains["corp.test"]["tlsa"] == {"primary.test.": []} and found.domains["corp.test"]["spf"]


def test_without_an_mx_there_are_no_hosts_to_ask_about() -> None:
    found = take(Host(mx=None))
    assert found.unreadable == ("corp.test mx",)
    assert (found.domains["corp.test"]["mx"], found.domains["corp.test"]["tlsa"]) == (None, {})


@pytest.mark.parametrize("policy", [StsPolicy(True, problem="404"), StsPolicy(unasked="timeout")])
def test_a_policy_that_nobody_could_read_is_not_no_policy(policy) -> None:
    found = take(Host(policy=policy))
    assert found.unreadable == ("corp.test mta_sts",) and found.domains["corp.test"]["mta_sts"] == {}


def test_a_relay_that_was_busy_for_a_moment_is_no_change() -> None:
    busy, well = [RelayProbe("a", False, message="421")], [RelayProbe("a", True)]
    assert take(Host(), relay=Station(busy, well)).relays["mx-backup"]["probe"]["a"]["accepts"] is True
    assert take(Host(), relay=Station(busy)).relays["mx-backup"]["probe"]["a"]["accepts"] is False
    gone = take(Host(), relay=Station(Transient("away")))
    assert gone.relays["mx-backup"] == {"probe": {}} and gone.unreadable == ("relay mx-backup probe",)


def test_what_the_tenant_says_of_its_mail_is_kept_beside_what_dns_says(servers) -> None:
    class Source:
        async def mail_records(self, domain: str) -> list[MailRecord]:
            return [MailRecord("primary.test", 0, 3600)]

        async def health(self) -> dict[str, str]:
            raise Permanent("403")

    servers[0] = Transient("no resolver")
    found = take(Host(), source=Source())
    assert found.domains["corp.test"]["graph"][0]["host"] == "primary.test"
    assert found.unreadable == ("corp.test ns", "health") and found.health == {}


def test_what_the_tenant_accepts_is_kept_where_the_directory_can_tell(servers) -> None:
    class Source:
        found: Any = ("two.test", "corp.test")

        async def accepted_domains(self) -> list[str]:
            if isinstance(self.found, Exception):
                raise self.found
            return list(self.found)

        async def mail_records(self, domain: str) -> list[MailRecord]:
            return []

        async def health(self) -> dict[str, str]:
            return {}

    assert take(Host()).accepted is None
    source = Source()
    assert take(Host(), source=source).accepted == ("corp.test", "two.test")
    source.found = Permanent("403")
    found = take(Host(), source=source)
    assert found.accepted is None and found.unreadable == ("accepted domains",)
