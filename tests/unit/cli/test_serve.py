"""``bcp serve`` before it serves: what is missing is said, and a unit file is printed."""

from __future__ import annotations

import json

import pytest
import typer

from bcp.cli import accounts, render, serve
from bcp.kernel.errors import Invalid
from bcp.settings.serve import ServeSettings

CHANNEL = "channels: {text: {kind: ntfy, url: 'http://127.0.0.1:1', topic: t}}\n"


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    return render.OUT


def test_where_nobody_can_be_asked_the_check_fails_and_says_so(house, capsys) -> None:
    with pytest.raises(typer.Exit) as ended:
        serve.serve(check=True)
    found = json.loads(capsys.readouterr().out)
    assert ended.value.exit_code == 1 and found["ok"] is False
    assert found["items"]["by"].startswith("NO CHANNEL") and found["items"]["accounts"].startswith("none yet")
    assert found["items"]["asks"] == "alice, bob"


def test_who_is_asked_and_who_may_look(house, capsys, monkeypatch) -> None:
    monkeypatch.setenv("BCP_PASSWORD", "correct horse battery")
    accounts.add_user("alice")
    capsys.readouterr()
    config = house.folder / "bcp.yaml"
    config.write_text(
        config.read_text()
        + "serve: {public_url: 'https://bcp.corp.test', hooks: {am: {kind: alertmanager, auth: {bearer: ['env:X']}}}}\n"
    )
    with pytest.raises(typer.Exit):
        serve.serve(check=True)
    items = json.loads(capsys.readouterr().out)["items"]
    assert items["accounts"] == "1" and items["public url"] == "https://bcp.corp.test"
    assert items["hook am"].startswith("POST /hooks/am (alertmanager")


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1:", "127.0.0.1:99999", "0.0.0.0:x", "a b:80"])
def test_an_address_that_is_none_is_refused(listen) -> None:
    with pytest.raises(Invalid, match="not HOST:PORT"):
        serve._listening(listen, ServeSettings())


def test_another_address_and_the_rest_stays() -> None:
    before = ServeSettings(public_url="https://bcp.corp.test")
    found = serve._listening("127.0.0.1:9090", before)
    assert (found.listen, found.public_url) == ("127.0.0.1:9090", before.public_url)


def test_a_unit_for_this_configuration_without_rights(house, capsys) -> None:
    serve.serve(unit=True, listen="127.0.0.1:9090")
    told = capsys.readouterr().out
    assert f"--config {house.folder / 'bcp.yaml'} serve" in told and "User=bcp" in told
    assert f"ReadWritePaths={house.app.configuration.state}" in told and "NoNewPrivileges=yes" in told
