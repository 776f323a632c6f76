"""``bcp dns`` where things are not well: each failure a line that fits, the right exit code, and JSON of the same."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import typer

from bcp.cli import dns, dns_watch, render
from bcp.contracts.dns import (
    Accepted,
    Answer,
    Capabilities,
    Delegation,
    Guard,
    HostFacts,
    MxHost,
    MxSet,
    Permission,
    Proof,
    Reading,
    Signed,
    StsPolicy,
    Trouble,
    Warmth,
)
from bcp.deeds import dns as deed
from bcp.kernel.errors import Invalid
from bcp.mx.serving import Now, Served

OLD = MxSet((MxHost(0, "primary.test."),), 86_400)
NEW = MxSet((MxHost(10, "relay.test."),), 300)


class Host:
    """A DNS host that says what the test wants."""

    def __init__(self, **given) -> None:
        self.capabilities = given.pop("capabilities", Capabilities())
        self.given = given

    async def _one(self, name, default):
        return self.given.get(name, default)

    async def read(self, domains):
        return [await self._one("reading", Reading(d, d, OLD)) for d in domains]

    async def prove(self, orders):
        return [await self._one("proof", Proof(o.domain, Permission.ALLOWED)) for o in orders]

    async def answers(self, domains):
        return await self._one("answers", [Answer(d, "192.0.2.1", OLD) for d in domains])

    async def delegations(self, domains):
        return [Delegation(d, ("ns.test.",), ("ns.test.",)) for d in domains]

    async def signed(self, domains):
        return [Signed() for _ in domains]

    async def mta_sts(self, domain):
        return StsPolicy()

    async def look_up(self, host):
        return HostFacts(host, ("192.0.2.9",))

    async def text(self, name):
        return ()

    async def tlsa(self, host):
        return ()

    async def warm(self, domains):
        return Warmth(credential_ends=self.given.get("ends"))

    async def close(self):
        """Nothing is open."""


@pytest.fixture
def ask(house, monkeypatch, capsys):
    """Run a command over this host: exit code, and what it printed."""

    def run(command, host: Host, *, as_json: bool = False, **given):
        house.app.world.__dict__["dns"] = {"main": host}
        monkeypatch.setattr(dns, "make_app", lambda: house.app)
        monkeypatch.setattr(dns_watch, "make_app", lambda: house.app)
        monkeypatch.setattr(render, "OUT", render.Output(json=as_json))
        monkeypatch.setattr("shutil.get_terminal_size", lambda fallback: SimpleNamespace(columns=80))
        try:
            command(**given)
            code = 0
        except typer.Exit as end:
            code = end.exit_code
        return code, capsys.readouterr().out

    return run


def test_what_is_not_well_stands_in_the_first_line_and_fits(ask) -> None:
    proof = Proof("corp.test", Permission.NOT_ALLOWED, "this credential may not change it " * 4, "Give it the right.")
    code, out = ask(dns.check, Host(proof=proof, capabilities=Capabilities(guard=Guard.NONE, atomic=False)))
    assert code == 1 and out.startswith("MX of 1 of 1 domain could not be moved today.\n")
    assert "Not promised by main" in out and "no compare-and-swap on this provider" in " ".join(out.split())
    assert "TTL 86400" in out and "What an outage would cost" in out
    assert all(len(line) <= 80 for line in out.splitlines()), out


def test_a_host_that_cannot_be_read_is_one_line_with_its_rule(ask) -> None:
    reading = Reading("corp.test", "", None, problem="no answer", trouble=Trouble.SILENT)
    code, out = ask(dns.check, Host(reading=reading), as_json=True)
    found = json.loads(out)
    assert code == 1 and [c["rule"] for c in found["checks"]] == ["dns.silent"] and found["failed"] == 1
    assert found["forecast"]["parts"]["ttl_s"] == 3600, "of peacetime"


@pytest.mark.parametrize(("rate", "said"), [(200 / 60 * 4, "13"), (5.0, "5"), (3.8333, "3.8"), (1000.0, "1000")])
def test_a_rate_is_a_number_for_people(rate, said) -> None:
    assert dns._number(rate) == said


def test_what_the_tenant_accepts_and_we_do_not_have_is_named_and_not_counted(ask, house) -> None:
    house.app.world.__dict__["accepted"] = Accepted(("corp.test", "two.test"), "accepted.csv")
    code, out = ask(dns.check, Host())
    assert code == 0 and out.startswith("MX of 1 domain can be moved.\n") and "\ntwo.test\n" in out
    assert "stays" not in out and "leaves its mail on the path that is down" in " ".join(out.split())
    code, out = ask(dns.check, Host(), as_json=True, domains=["corp.test"])
    assert "dns.not-covered" not in out, "it was asked about one domain"


def test_a_credential_that_has_ended_is_said_of_the_host(ask) -> None:
    code, out = ask(dns.check, Host(ends=1.0))
    assert "the credential of main has ended" in " ".join(out.split()) and code == 1, out


def test_only_domains_of_the_configuration_and_only_where_we_move_mx(house) -> None:
    with pytest.raises(Invalid, match="is not in"):
        deed.chosen(house.app, ["other.test"])
    house.app.world.__dict__["domains"] = {}
    with pytest.raises(Invalid, match="names no DNS back end"):
        deed.chosen(house.app, [])


def test_every_kind_says_what_it_promises_without_a_configuration() -> None:
    from bcp import registry

    found = deed.kinds(None)
    assert [k.kind for k in found] == sorted(registry.kinds("dns"))
    assert all(isinstance(k.capabilities, Capabilities) and k.doc and not k.back_ends for k in found)


def test_the_hosts_fit_in_eighty_columns(ask) -> None:
    code, out = ask(dns.hosts, Host())
    assert code == 0 and "you use rfc2136 (main)" in out
    assert all(len(line) <= 80 for line in out.splitlines()), out


# -- who serves what -------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(render, "OUT", render.Output(colour=False))


def now(*served: Served, switched: float = 0.0, ttl: float = 0.0) -> Now:
    return Now(served, {"corp.test": NEW}, switched, ttl)


def served(mx, where="192.0.2.1", cached=False, problem="") -> Served:
    return Served("corp.test", where, cached, mx, problem, 1000.0)


def test_the_sentence_says_when_caches_are_clean(clock) -> None:
    old = served(OLD, "quad9", cached=True)
    assert "the servers themselves first" in dns_watch.summary(now(served(OLD), old), 1000.0)
    text = dns_watch.summary(now(served(NEW), old, switched=900.0), 1000.0)
    assert text.startswith("Not everywhere: 1 of 1 servers, 0 of 1 resolvers; caches are clean in 1d, at ")
    late = dns_watch.summary(now(served(NEW), served(MxSet(OLD.hosts, 5), "q", cached=True), switched=1.0), 5000.0)
    assert "longer than it may" in late
    assert dns_watch.summary(now(served(NEW)), 1.0) == "All serve the target: 1 of 1 servers, 0 of 0 resolvers."


def test_the_picture_shows_first_who_is_not_there_yet_and_fits(clock, monkeypatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda fallback: SimpleNamespace(columns=80))
    many = [served(NEW, f"192.0.2.{i}") for i in range(60)]
    text = dns_watch.picture(now(*many, served(None, "gone", problem="no answer in time " * 9), served(OLD)), 1000.0)
    assert text.index("old") < text.index("silent") and "... and 22 more" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "the target, TTL 300" in text


def test_changes_are_lines_where_nobody_looks_at_a_terminal(clock, capsys) -> None:
    screen = dns_watch._Screen()
    screen.show(now(served(OLD)), 1000.0, last=False)
    capsys.readouterr()
    screen.show(now(served(OLD)), 1002.0, last=False)
    assert capsys.readouterr().out == "", "nothing changed"
    screen.show(now(served(NEW)), 1004.0, last=True)
    out = capsys.readouterr().out.splitlines()
    assert "192.0.2.1: corp.test the target, TTL 300" in out[0] and "All serve the target" in out[1]
    screen.close()
    screen.close()


def test_the_target_may_be_the_relay_the_primary_or_what_is_there(house) -> None:
    house.app.world.__dict__["dns"] = {"main": Host()}

    def want(to):
        return house.do(deed.wanted(house.app, ["corp.test"], to))["corp.test"]

    assert want("") == OLD and str(want("relay")) == "10 relay.test. (TTL 300)"
    assert str(want("primary")).startswith("0 primary.test.")
    with pytest.raises(Invalid, match="relay or primary"):
        want("moon")
    house.app.world.__dict__["dns"] = {"main": Host(reading=Reading("corp.test", "", None, problem="silent"))}
    with pytest.raises(Invalid, match="silent"):
        want("")


def test_a_resolver_that_nobody_answers_at_is_silent(house) -> None:
    house.app.world.__dict__["dns"] = {"main": Host()}
    found = house.do(deed.look(house.app, ["corp.test"], {"nobody": "127.0.0.1:1"}))
    assert [(s.where, s.cached, bool(s.problem)) for s in found] == [
        ("192.0.2.1", False, False),
        ("nobody", True, True),
    ]


def test_the_registry_is_asked_only_when_told_to(ask, house, monkeypatch) -> None:
    from bcp.kit.rdap import Registration

    asked = []

    async def found(http, domain, url, timeout_s=5.0):
        asked.append((domain, url))
        return Registration(domain, ("client hold",))

    monkeypatch.setattr(deed, "registration", found)
    code, _ = ask(dns.check, Host())
    assert code == 0 and asked == []
    code, out = ask(dns.check, Host(), rdap=True)
    assert code == 1 and asked == [("corp.test", "https://rdap.org/domain/{domain}")] and "client hold" in out
