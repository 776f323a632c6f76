"""``bcp init`` and ``bcp config``: a first configuration that can be read, and nothing overwritten."""

from __future__ import annotations

import asyncio
import json

import dns.message
import dns.rrset
import pytest

from bcp.cli import render, setup
from bcp.kernel.errors import Invalid
from bcp.kit import dnswire
from bcp.settings import load


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch) -> None:
    """An empty folder, with nobody at a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    monkeypatch.setattr(render, "OUT", render.Output(json=True))


@pytest.fixture
def answers(monkeypatch):
    """What the primary answers."""

    def put(*records: str, reason: str = "") -> None:
        async def exchange(endpoint, queries, **given):
            await asyncio.sleep(0)
            if reason:
                return [dnswire.Lost(reason)]
            reply = dns.message.make_response(queries[0])
            if records:
                reply.answer.append(dns.rrset.from_text("corp.test.", 300, "IN", "MX", *records))
            return [reply]

        monkeypatch.setattr(dnswire, "exchange", exchange)

    return put


def test_the_mx_as_it_is_becomes_the_record_of_peace(answers, tmp_path, capsys) -> None:
    answers("0 primary.test.", "10 second.test.")
    setup.init(domain="Corp.Test", canary="canary@corp.test", known=["bob@corp.test"], hotline="+12025550100")
    told = json.loads(capsys.readouterr().out)
    assert told["mx"] == ["0 primary.test", "10 second.test"] and told["probes"]
    settings = load(tmp_path / "bcp.yaml").settings
    (domain,) = settings.domains
    assert [(p.preference, p.host) for p in domain.primary] == [(0, "primary.test."), (10, "second.test.")]
    assert domain.primary_ttl == 300 and settings.organisation.name == "Corp" and settings.canary.known
    assert (tmp_path / "contacts.csv").read_text().startswith("id,name,")


@pytest.mark.parametrize(
    ("given", "words"), [({"reason": "timeout"}, "could not be read now (timeout)"), ({}, "no MX")]
)
def test_where_the_mx_cannot_be_read_it_is_left_to_a_person(answers, tmp_path, capsys, given, words) -> None:
    """Nothing is guessed: what failback would rest on is empty."""
    answers(**given)
    render.OUT.json = False
    setup.init(domain="corp.test")
    assert words in capsys.readouterr().out
    assert load(tmp_path / "bcp.yaml").settings.domains[0].primary == []


def test_what_is_there_is_kept_unless_it_is_said(answers, tmp_path) -> None:
    answers()
    (tmp_path / "bcp.yaml").write_text("mine")
    (tmp_path / "contacts.csv").write_text("mine")
    with pytest.raises(Invalid, match="exists already"):
        setup.init(domain="corp.test")
    assert (tmp_path / "bcp.yaml").read_text() == "mine"
    setup.init(domain="corp.test", force=True)
    assert (tmp_path / "bcp.yaml").read_text() != "mine" and (tmp_path / "contacts.csv").read_text() == "mine"


@pytest.mark.parametrize("given", [{"domain": "no domain"}, {"domain": "corp.test", "server": "not an address"}])
def test_input_that_is_none_writes_nothing(tmp_path, given) -> None:
    with pytest.raises(Invalid):
        setup.init(**given)
    assert not (tmp_path / "bcp.yaml").exists()


def test_a_configuration_is_checked_with_all_that_it_names(house, capsys) -> None:
    setup.check()
    found = json.loads(capsys.readouterr().out)
    assert (found["domains"], found["contacts"], found["empty_audiences"]) == (["corp.test"], 3, [])
    config = house.folder / "bcp.yaml"
    config.write_text(config.read_text().replace("{groups: [staff]}", "{groups: [nobody]}"))
    render.OUT.json = False
    setup.check()
    assert "nobody is in the audience 'staff'" in capsys.readouterr().out


def test_the_schema_knows_every_family(capsys) -> None:
    setup.schema()
    found = json.loads(capsys.readouterr().out)
    assert {"dns", "relays", "channels", "domains"} <= set(found["properties"])
