"""A configuration moved into the lab: people, texts and rules stay, every address becomes one of this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.deeds.house import House

from bcp.lab.world import World
from bcp.rehearse.own_config import world_for, write_own
from bcp.settings import load
from bcp.testing.clock import FakeClock
from bcp.wiring import make_app

MORE = """\
channels:
  sms: {kind: twilio-sms, account_sid: "env:SID", auth_token: "env:TOKEN", from: "+12025550100"}
  room: {kind: slack, token: "env:SLACK", channel: C0000000001}
  teams: {kind: teams, url: "env:TEAMS_URL"}
  page:
    kind: status-page
    folder: public
    mirrors:
      - {kind: rsync, to: "status@web.corp.test:/srv/www/"}
      - {kind: s3, endpoint: "https://s3.corp.test", bucket: pages, access_key: "env:S3_ID", secret_key: "env:S3_KEY"}
serve:
  listen: 192.0.2.7:8080
  public_url: https://bcp.corp.test
  ask: {groups: [group:oncall], min: 2}
  hooks: {am: {kind: alertmanager, auth: {bearer: ["file:am.key"]}}}
  heartbeat: {url: "env:HEART"}
"""


@pytest.fixture
def own(house: House, tmp_path: Path, clock: FakeClock) -> tuple[House, dict[str, Any], Path]:
    text = (tmp_path / "bcp.yaml").read_text() + MORE
    (tmp_path / "bcp.yaml").write_text(text)
    house.app = make_app(load(tmp_path / "bcp.yaml"), clock)
    world = world_for(house.app, tmp_path / "lab")
    world.dns_addresses, world.resolver_address = ["127.0.53.1", "127.0.53.2"], "127.0.53.9"
    world.exchange_address, world.relay_address = "127.0.25.1", "127.0.25.2"
    world.dns_port, world.smtp_port, world.queue_port, world.http_port = 5300, 2500, 8001, 8002
    world.vendors.url = "http://127.0.0.1:8002"
    path = write_own(house.app.configuration, world)
    return house, yaml.safe_load(path.read_text()), path


def test_it_is_a_valid_configuration_with_the_organisations_own_people_and_playbooks(own) -> None:
    house, data, path = own
    app = make_app(load(path))
    assert app.settings.organisation == house.app.settings.organisation
    assert [c.id for c in app.people.directory.contacts] == ["alice", "bob", "carol"]
    assert app.playbooks.load("out").document.file == str(house.folder / "playbooks" / "out.yaml")
    assert set(app.world.channels) == {"sms", "room", "teams", "page"}
    assert app.settings.serve.ask.min == 2
    assert data["state"] == "state"
    assert app.configuration.state.parent == path.parent


def test_every_address_is_of_loopback(own) -> None:
    _, _, path = own
    text = path.read_text()
    assert set(re.findall(r"\b(?:\d{1,3}\.){3}\d{1,3}\b", text)) <= {
        "127.0.53.1", "127.0.53.2", "127.0.53.9", "127.0.25.1", "127.0.25.2", "127.0.0.1",
    }  # fmt: skip
    assert {u for u in re.findall(r"https?://[^\s\"']+", text) if not u.startswith("http://127.0.0.1:")} == set()


def test_no_secret_of_the_organisation_is_read_and_nobody_calls_it(own) -> None:
    _, data, path = own
    text = path.read_text()
    assert not re.search(r"env:|keyring:", text)
    assert set(re.findall(r"file:\S+", text)) <= {
        f"file:secrets/{n}" for n in ("tsig", "twilio-sid", "twilio-token", "slack", "unused")
    }
    assert set(data["serve"]) == {"ask"}
    assert "mirrors" not in data["channels"]["page"], "a drill puts nothing on a page of the world"
    assert not {"approvals", "directories", "graph", "snapshot"} & set(data)


def test_its_own_names_are_served(own) -> None:
    house, data, _ = own
    assert [d["name"] for d in data["domains"]] == ["corp.test"]
    world = world_for(house.app, house.folder / "lab2")
    assert (world.exchange_host, world.relay_host) == ("primary.test.", "relay.test.")


def test_a_relay_inside_of_the_mail_domain_is_served_too(tmp_path: Path) -> None:
    import dns.name
    import dns.rdatatype

    world = World(tmp_path, domains=("corp.test", "other.test"), relay_host="mx2.corp.test.")
    world.dns_addresses, world.exchange_address, world.relay_address = ["127.0.53.1"] * 2, "127.0.25.1", "127.0.25.2"
    zones = world._zones()
    assert len({z.name for z in zones}) == len(zones)
    found = next(z for z in zones if z.name == dns.name.from_text("corp.test"))
    assert found.get(dns.name.from_text("mx2.corp.test"), dns.rdatatype.A)[0].address == "127.0.25.2"
