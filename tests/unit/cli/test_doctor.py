"""``bcp doctor``: each look says ok, warn or fail with what to do, and one that breaks is a line, not the end."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from bcp import registry
from bcp.cli import doctor, render
from bcp.contracts.channel import Check
from bcp.contracts.dns import MxHost, MxSet
from bcp.detect.snapshot import Snapshot
from bcp.settings.people import Organisation

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
    assert seen[f"disk {house.folder / '.bcp'}"] == "ok" and seen["contacts"] == "ok" and seen["snapshot-age"] == "warn"
    assert seen["dns-reach corp.test"] == "fail" and not (house.folder / ".bcp" / ".ready").exists()
    assert all(c["hint"] for c in found["checks"] if c["state"] == "fail")


def test_every_check_of_readiness_is_a_line_with_its_hint(house, monkeypatch) -> None:
    from bcp.contracts.readiness import Check as Promise
    from bcp.deeds.readiness import look as looking

    async def seen(app: Any) -> Any:
        return looking.Found(1.0, tuple(Promise("c", s, s, f"it is {s}", "Mend it.") for s in LEVELS), ())

    monkeypatch.setattr(looking, "look", seen)
    found = look(doctor._ready(house.app))
    assert [(c.subject, c.state, c.message, c.hint) for c in found] == [
        (f"c {s}", state, f"it is {s}", "Mend it.") for s, state in LEVELS.items()
    ]


def test_what_is_still_to_be_arranged_is_a_warning_of_doctor_and_a_failure_of_ready() -> None:
    from bcp.contracts.readiness import Check as Promise

    assert doctor._line(Promise("audience-reach", "oncall", "fail", "nobody")) == "warn"
    assert doctor._line(Promise("relay-accepts", "r", "fail", "no")) == "fail"


LEVELS = {"ok": "ok", "risk": "warn", "fail": "fail", "unknown": "warn"}


def test_a_look_without_an_answer_ends(house, monkeypatch) -> None:
    async def silent(app: Any) -> list[Check]:
        raise TimeoutError

    monkeypatch.setattr(doctor, "_service", silent)
    house.app.world.__dict__.update(dns={}, relays={}, channels={})
    found = look(doctor._checks(house.app))
    assert ("service", "fail", "no answer in 60 s") in [(c.subject, c.state, c.message) for c in found]


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


@pytest.mark.parametrize(
    ("hotline", "page", "lacks"), [("", "", 2), ("+1", "", 1), ("", "https://s", 1), ("+1", "h", 0)]
)
def test_texts_that_cannot_be_told_from_phishing_are_warned_of(hotline, page, lacks) -> None:
    app = SimpleNamespace(settings=SimpleNamespace(organisation=SimpleNamespace(hotline=hotline, status_page=page)))
    assert len(look(doctor._messages(app))) == lacks


@pytest.mark.parametrize(("zone", "told"), [({}, True), ({"timezone": "UTC"}, False)])
def test_times_in_utc_that_nobody_wished_for_are_warned_of(zone: dict[str, str], told: bool) -> None:
    org = Organisation(name="Corp", hotline="+1", status_page="x", **zone)
    said = look(doctor._messages(SimpleNamespace(settings=SimpleNamespace(organisation=org))))
    assert [c.message for c in said] == (["our texts name times in UTC, for want of a zone"] if told else [])
    assert all(c.hint == "Set organisation: timezone: to the zone in which people read the clock." for c in said)


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
        (peace(None), {}),
        (peace(taken(1, "Primary.Test")), {}),
        (peace(taken(1, "other.test")), {"primary corp.test": "fail"}),
        (peace(taken(1, "other.test"), primary=()), {}),
        (peace(taken(1)), {}),
    ],
    ids=["no snapshot", "the same host", "another host", "nothing to compare", "Graph was not asked"],
)
def test_the_primary_of_the_configuration_against_graphs_own_record(app, wanted) -> None:
    assert states(look(doctor._primary(app))) == wanted


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


def test_the_end_says_how_many_and_which_fail() -> None:
    """The table is longer than a screen, and its end is what stays in sight."""
    found = [Check("a", "ok", ""), Check("b", "fail", ""), Check("c", "warn", ""), Check("d", "fail", "")]
    assert doctor._sum(found).splitlines() == ["2 fail, 1 warn, 1 ok.", "  fail: b", "  fail: d"]
    assert doctor._sum(found[:1]) == "0 fail, 0 warn, 1 ok."
