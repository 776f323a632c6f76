"""``bcp doctor``: each look says ok, warn or fail with what to do, and one that breaks is a line, not the end."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from bcp import registry
from bcp.cli import doctor, doctor_dns, render
from bcp.contracts.channel import Check
from bcp.contracts.dns import Accepted, Answer, Capabilities, Domain, MxHost, MxSet, Permission, Proof, Reading
from bcp.contracts.relay import RelayProbe
from bcp.detect.snapshot import Snapshot
from bcp.kernel.errors import Permanent

MX = MxSet((MxHost(0, "primary.test."),), 3600)
SLOW = MxSet((MxHost(0, "primary.test."),), 86_400)


def look(work: Any) -> list[Check]:
    return asyncio.run(work)


def states(found: list[Check]) -> dict[str, str]:
    return {c.subject: c.state for c in found}


# -- the whole -------------------------------------------------------------------------------------------------------


def test_a_small_organisation_is_looked_at_from_end_to_end(house, capsys, monkeypatch) -> None:
    """Nobody answers there; every look is a line all the same, and the exit code says that something failed."""
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    monkeypatch.setenv("X", "YmNw")
    with pytest.raises(typer.Exit) as ended:
        doctor.doctor()
    found = json.loads(capsys.readouterr().out)
    assert ended.value.exit_code == 1 and found["failed"] >= 1
    seen = {c["subject"]: c["state"] for c in found["checks"]}
    assert seen["state"] == "ok" and seen["contacts"] == "ok" and seen["snapshot"] == "warn"
    assert seen["mx corp.test"] == "fail" and not any((house.folder / ".bcp" / n).exists() for n in (".doctor",))
    assert all(c["hint"] for c in found["checks"] if c["state"] == "fail")


def test_what_cannot_be_made_and_what_breaks_are_lines(house, monkeypatch) -> None:
    class Broken:
        @property
        def dns(self) -> None:
            raise Permanent("no such key", hint="Set it.")

        relays: dict[str, Any] = {"r": SimpleNamespace(can_count=False)}
        channels: dict[str, Any] = {}
        domains: dict[str, Any] = {}
        relay_settings: dict[str, Any] = {}
        peace = accepted = None

    class Stuck:
        async def check(self) -> list[Check]:
            raise Permanent("refused", hint="Ask them.")

    broken = Broken()
    broken.channels = {"sms": Stuck()}
    app = SimpleNamespace(**{n: getattr(house.app, n) for n in ("settings", "configuration", "people", "clock",
                                                                "watching", "playbooks")}, world=broken)  # fmt: skip
    found = look(doctor._checks(app))
    lines = {c.subject: c for c in found}
    assert (lines["dns"].state, lines["dns"].message, lines["dns"].hint) == ("fail", "no such key", "Set it.")
    assert (lines["channel sms"].state, lines["channel sms"].hint) == ("fail", "Ask them.")
    assert lines["relay r queue"].state == "warn"


def test_a_look_without_an_answer_ends(house, monkeypatch) -> None:
    async def silent(app: Any) -> list[Check]:
        raise TimeoutError

    monkeypatch.setattr(doctor, "_service", silent)
    house.app.world.__dict__.update(dns={}, relays={}, channels={})
    found = look(doctor._checks(house.app))
    assert ("service", "fail", "no answer in 30 s") in [(c.subject, c.state, c.message) for c in found]


# -- plug-ins from outside -------------------------------------------------------------------------------------------


def test_a_package_from_outside_is_ok_or_says_what_is_wrong(monkeypatch) -> None:
    monkeypatch.setattr(registry, "families", lambda: ("relays",))
    monkeypatch.setattr(
        registry, "broken", lambda: [registry.Broken("relays", "bad", "pkg 1", "it lacks queue()", "Write it.")]
    )
    there = SimpleNamespace(package="pkg 1")
    monkeypatch.setattr(registry, "foreign", lambda family: {"bad": there, "good": there})
    monkeypatch.setattr(
        registry, "load", lambda family, kind: SimpleNamespace(api=1, maturity="stable", doc="A relay.")
    )
    found = look(doctor._plugins())
    assert [(c.subject, c.state) for c in found] == [("plug-in relays/bad", "warn"), ("plug-in relays/good", "ok")]
    assert found[1].message == "pkg 1, API 1, stable: A relay."


# -- people, texts, the state ----------------------------------------------------------------------------------------


def people(*ids: str, taken_at: float = 0.0, members: tuple[str, ...] = ("x",)) -> SimpleNamespace:
    directory = SimpleNamespace(
        contacts=[SimpleNamespace(id=i, phone="+1") for i in ids],
        taken_at=taken_at,
        audiences=["staff"],
        members=lambda name: members,
    )
    return SimpleNamespace(
        people=SimpleNamespace(directory=directory),
        clock=SimpleNamespace(now=lambda: 1_000_000.0),
        settings=SimpleNamespace(contacts=SimpleNamespace(max_age=86_400.0)),
    )


@pytest.mark.parametrize(
    ("app", "wanted"),
    [
        (people("a"), ["ok"]),
        (people(), ["warn"]),
        (people("a", taken_at=1_000_000.0 - 86_400), ["ok"]),
        (people("a", taken_at=1_000_000.0 - 86_401), ["ok", "warn"]),
        (people("a", members=()), ["ok", "warn"]),
    ],
    ids=["some", "none", "young", "old", "an empty audience"],
)
def test_contacts(app, wanted) -> None:
    assert [c.state for c in look(doctor._people(app))] == wanted


@pytest.mark.parametrize(
    ("hotline", "page", "lacks"), [("", "", 2), ("+1", "", 1), ("", "https://s", 1), ("+1", "h", 0)]
)
def test_texts_that_cannot_be_told_from_phishing_are_warned_of(hotline, page, lacks) -> None:
    app = SimpleNamespace(settings=SimpleNamespace(organisation=SimpleNamespace(hotline=hotline, status_page=page)))
    assert len(look(doctor._messages(app))) == lacks


@pytest.mark.parametrize(("free", "state"), [(101, "ok"), (100, "warn"), (0, "warn")])
def test_room_for_the_state(tmp_path, monkeypatch, free, state) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free * 2**20))
    app = SimpleNamespace(configuration=SimpleNamespace(state=tmp_path / "state"))
    (found,) = look(doctor._state(app))
    assert (found.state, bool(found.hint)) == (state, state == "warn")


def test_a_playbook_that_cannot_be_used_is_named_with_its_first_problem(house, monkeypatch) -> None:
    """Those that are shipped are not of use to everybody, and are looked at as well; here are its own alone."""
    own = type(house.app.playbooks).files
    files = {n: p for n, p in own(house.app.playbooks).items() if p.is_relative_to(house.folder)}
    assert files == {}
    monkeypatch.setattr(
        type(house.app.playbooks),
        "files",
        lambda self: {n: p for n, p in own(self).items() if p.is_relative_to(house.folder)},
    )
    assert states(look(doctor._playbooks(house.app))) == {"playbooks": "ok"}
    (house.folder / "playbooks" / "bad.yaml").write_text("version: 1\nname: bad\ntitle: Bad\nactivation: 7\n")
    (house.folder / "playbooks" / "odd.yaml").write_text(
        "version: 1\nname: odd\ntitle: Odd\nactivation: [{id: a, uses: no.such}]\n"
    )
    found = {c.subject: c for c in look(doctor._playbooks(house.app))}
    assert set(found) == {"playbook bad", "playbook odd"}
    assert found["playbook odd"].state == "warn" and found["playbook odd"].hint == "bcp playbook lint odd"


# -- peacetime -------------------------------------------------------------------------------------------------------


def peace(last: Snapshot | None, *, primary: tuple[tuple[int, str], ...] = ((0, "primary.test."),)) -> SimpleNamespace:
    named = SimpleNamespace(
        name="corp.test", primary=[SimpleNamespace(preference=p, host=h) for p, h in primary], primary_ttl=3600
    )
    return SimpleNamespace(
        world=SimpleNamespace(peace=last),
        clock=SimpleNamespace(now=lambda: 1_000_000.0),
        settings=SimpleNamespace(snapshot=SimpleNamespace(max_age=3600.0), domains=[named]),
    )


def taken(age: float, *hosts: str, unreadable: tuple[str, ...] = ()) -> Snapshot:
    facts = {"graph": [{"host": h, "preference": 0, "ttl_s": 3600} for h in hosts]} if hosts else {}
    return Snapshot(1_000_000.0 - age, {"corp.test": facts}, unreadable=unreadable)


@pytest.mark.parametrize(
    ("app", "wanted"),
    [
        (peace(None), {"snapshot": "warn"}),
        (peace(taken(3600)), {"snapshot": "ok"}),
        (peace(taken(3601)), {"snapshot": "warn"}),
        (peace(taken(-60)), {"snapshot": "ok"}),
        (peace(taken(1, "Primary.Test")), {"snapshot": "ok"}),
        (peace(taken(1, "other.test")), {"snapshot": "ok", "primary corp.test": "fail"}),
        (peace(taken(1, "other.test"), primary=()), {"snapshot": "ok"}),
    ],
    ids=["none", "young", "old", "from the future", "the same host", "another host", "nothing to compare"],
)
def test_the_snapshot_of_peacetime(app, wanted) -> None:
    assert states(look(doctor._peace(app))) == wanted


def test_facts_that_could_not_be_read_are_counted() -> None:
    (found,) = look(doctor._peace(peace(taken(60, unreadable=("a", "b")))))
    assert found.message == "1m old, 2 fact(s) missing"


# -- DNS -------------------------------------------------------------------------------------------------------------


class Host:
    """A DNS host that answers this."""

    capabilities = Capabilities()

    def __init__(self, reading: Reading, proof: Proof, *answers: Answer) -> None:
        self.reading, self.proof, self.served = reading, proof, list(answers)

    async def read(self, domains: list[str]) -> list[Reading]:
        return [self.reading]

    async def prove(self, orders: list[Any]) -> list[Proof]:
        assert orders[0].old == orders[0].new  # nothing would change
        return [self.proof]

    async def answers(self, domains: list[str]) -> list[Answer]:
        return self.served


def on(host: Host) -> SimpleNamespace:
    return SimpleNamespace(
        world=SimpleNamespace(dns={"main": host}, domains={"corp.test": Domain("corp.test", "main")})
    )


@pytest.mark.parametrize(
    ("permission", "mx", "state"),
    [
        (Permission.ALLOWED, MX, "ok"),
        (Permission.ALLOWED, SLOW, "warn"),
        (Permission.CANNOT_SAY, MX, "warn"),
        (Permission.NOT_ALLOWED, MX, "fail"),
        (Permission.NOT_ALLOWED, SLOW, "fail"),
    ],
)
def test_may_we_change_the_mx(permission, mx, state) -> None:
    host = Host(Reading("corp.test", "corp.test", mx), Proof("corp.test", permission, "so it says", "Do this."))
    (found,) = look(doctor_dns.dns_checks(on(host), "main"))
    assert (found.subject, found.state) == ("mx corp.test", state)
    assert ("delays a switch" in found.message) is (mx is SLOW)
    assert ("we may change it" in found.message) is (permission is Permission.ALLOWED)


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading("corp.test", "corp.test", None), "no MX"),
        (Reading("corp.test", "corp.test", None, problem="REFUSED"), "REFUSED"),
        (Reading("corp.test", "corp.test", MX, problem="half read"), "half read"),
    ],
)
def test_an_mx_that_cannot_be_read_fails_and_nothing_is_proven(reading, message) -> None:
    (found,) = look(doctor_dns.dns_checks(on(Host(reading, None)), "main"))
    assert (found.state, found.message) == ("fail", message)


def test_a_host_whose_tokens_come_from_elsewhere_is_warned_of() -> None:
    host = Host(Reading("corp.test", "corp.test", MX), Proof("corp.test", Permission.ALLOWED))
    host.capabilities = Capabilities(leans=("microsoft",))
    found = look(doctor_dns.dns_checks(on(host), "main"))
    assert states(found) == {"mx corp.test": "ok", "dns main": "warn"}
    assert "microsoft" in found[1].message and "RFC 2136" in found[1].hint


def test_a_server_of_the_zone_that_is_down_is_named() -> None:
    answers = (Answer("corp.test", "192.0.2.1", MX), Answer("corp.test", "192.0.2.2", None, problem="timeout"))
    host = Host(Reading("corp.test", "corp.test", MX), Proof("corp.test", Permission.ALLOWED), *answers)
    found = look(doctor_dns.dns_checks(on(host), "main"))
    assert states(found) == {"mx corp.test": "ok", "dns 192.0.2.2": "warn"}


def test_a_zone_without_servers_is_said_once() -> None:
    lost = Answer("corp.test", "corp.test", None, problem="no name server of corp.test could be found")
    host = Host(Reading("corp.test", "corp.test", MX), Proof("corp.test", Permission.ALLOWED), lost)
    found = look(doctor_dns.dns_checks(on(host), "main"))[1]
    assert (found.subject, found.message) == ("dns corp.test", "no name server of corp.test could be found")
    assert "delegated" in found.hint


# -- relays ----------------------------------------------------------------------------------------------------------


class Station:
    """A relay that answers this."""

    def __init__(self, *probes: RelayProbe, can_count: bool = True) -> None:
        self.probes, self.can_count, self.asked = list(probes), can_count, []

    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        self.asked.append(domain)
        return self.probes

    async def queue(self) -> list[str]:
        return ["one", "two"]


@pytest.mark.parametrize(
    ("probe", "state", "words"),
    [
        (RelayProbe("a", True, tls="ok"), "ok", "takes mail for corp.test"),
        (RelayProbe("a", True, tls="none"), "warn", "TLS: none"),
        (RelayProbe("a", True, open_relay=True, tls="ok"), "fail", "AND FOR ANYBODY"),
        (RelayProbe("a", False, message="554 no", tls="ok"), "fail", "554 no"),
        (RelayProbe("a", False, message="its name does not resolve"), "fail", "its name does not resolve"),
    ],
)
def test_would_the_relay_take_our_mail_and_nobody_elses(probe, state, words) -> None:
    app = SimpleNamespace(world=SimpleNamespace(relays={"r": Station(probe)}, domains={"corp.test": None}))
    found, queue = look(doctor._relay(app, "r"))
    assert found.state == state and words in found.message
    assert (queue.state, queue.message) == ("ok", "2 queued")


def test_a_relay_is_asked_for_five_domains_and_one_that_cannot_count_is_warned_of() -> None:
    station = Station(can_count=False)
    app = SimpleNamespace(world=SimpleNamespace(relays={"r": station}, domains=dict.fromkeys("abcdefg")))
    (queue,) = look(doctor._relay(app, "r"))
    assert station.asked == list("abcde") and queue.state == "warn" and queue.hint


# -- the daemon and the service --------------------------------------------------------------------------------------


def daemon(house: Any, *, hooks: dict[str, Any], minimum: int = 1, url: str = "https://bcp.corp.test") -> Any:
    serve = SimpleNamespace(ask=SimpleNamespace(groups=["group:oncall"], min=minimum), public_url=url)
    return SimpleNamespace(
        settings=SimpleNamespace(serve=serve),
        configuration=SimpleNamespace(plugins={"triggers": hooks, "callers": {}}, state=house.app.configuration.state),
        people=house.app.people,
    )


def test_without_hooks_and_accounts_there_is_no_daemon_to_look_at(house) -> None:
    assert look(doctor._serve(daemon(house, hooks={}))) == []
    (house.app.configuration.state / "accounts.db").write_bytes(b"")
    assert states(look(doctor._serve(daemon(house, hooks={})))) == {"serve": "ok"}


def test_hooks_with_secrets_that_cannot_be_read_and_questions_that_nobody_could_answer(house) -> None:
    from bcp.contracts.hook import HookPlugin

    settings = registry.find(HookPlugin, "alertmanager").settings
    hooks = {
        n: settings.model_validate({"kind": "alertmanager", "auth": {"bearer": [f"env:{v}"]}})
        for n, v in (("good", "PATH"), ("bad", "NO_SUCH_VARIABLE_HERE"))
    }
    found = look(doctor._serve(daemon(house, hooks=hooks, minimum=3, url="")))
    assert [(c.subject, c.state) for c in found] == [
        ("hook good", "ok"),
        ("hook bad", "fail"),
        ("serve", "fail"),
        ("serve", "warn"),
    ]
    assert found[2].message == "2 people can be asked, 3 must say yes"


@pytest.mark.parametrize(("seen", "state"), [("healthy", "ok"), ("unknown", "warn"), ("down", "fail"), ("odd", "fail")])
def test_the_service_as_it_is_seen(seen, state) -> None:
    async def verdict() -> dict[str, Any]:
        return {"state": seen, "evidence": ["421 try later"] if seen == "down" else []}

    watching = SimpleNamespace(watcher=SimpleNamespace(probes=[1]), looker=SimpleNamespace(verdict=verdict))
    app = SimpleNamespace(watching=watching, settings=SimpleNamespace(service="exchange-online"))
    (found,) = look(doctor._service(app))
    assert found.state == state and ("421 try later" in found.message) is (seen == "down")


def test_where_nothing_is_looked_at_it_is_said() -> None:
    app = SimpleNamespace(watching=SimpleNamespace(watcher=SimpleNamespace(probes=[])))
    assert states(look(doctor._service(app))) == {"service": "warn"}


# -- accepted domains ------------------------------------------------------------------------------------------------


def test_what_the_tenant_accepts_is_compared_with_the_configuration_where_somebody_said_it(house) -> None:
    def checks(accepted):
        house.app.world.__dict__["accepted"] = accepted
        return look(doctor_dns.accepted_checks(house.app))

    assert checks(None) == []
    (fine,) = checks(Accepted(("corp.test",), "accepted.csv"))
    assert (fine.subject, fine.state, fine.message) == ("accepted", "ok", "1 domain(s) as in accepted.csv")
    (left,) = checks(Accepted(("corp.test", "two.test"), "accepted.csv"))
    assert (left.subject, left.state) == ("accepted two.test", "warn") and "domains: in bcp.yaml" in left.hint
